// SPDX-License-Identifier: Apache-2.0

// A Schema Registry for tests: franz-go's srfake holds subjects, versions, ids and references; the checks that it leaves out are made
// here before a schema is registered: Avro schemas must parse (422) and be able to read what the version before them wrote (409).
// Basic authentication, TLS and client certificates by flags. Keeps everything in memory.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

type registration struct {
	Schema     string            `json:"schema"`
	SchemaType string            `json:"schemaType"`
	References []json.RawMessage `json:"references"`
}

var newVersion = regexp.MustCompile(`^/subjects/([^/]+)/versions$`)

func refuse(w http.ResponseWriter, status, code int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error_code": code, "message": fmt.Sprintf(format, args...)})
}

func latest(inner http.Handler, subject string) (registration, bool) {
	var found registration
	answer := httptest.NewRecorder()
	inner.ServeHTTP(answer, httptest.NewRequest("GET", "/subjects/"+subject+"/versions/latest", nil))
	return found, answer.Code == 200 && json.Unmarshal(answer.Body.Bytes(), &found) == nil
}

// True when the schema was refused, and the answer given.
func check(w http.ResponseWriter, inner http.Handler, subject string, body []byte) bool {
	var wanted registration
	if json.Unmarshal(body, &wanted) != nil || (wanted.SchemaType != "" && wanted.SchemaType != "AVRO") || wanted.References != nil {
		return false
	}
	reader, err := avro.ParseWithCache(wanted.Schema, "", &avro.SchemaCache{})
	if err != nil {
		refuse(w, 422, 42201, "Invalid schema: %v", err)
		return true
	}
	before, found := latest(inner, subject)
	if !found || before.References != nil {
		return false
	}
	writer, err := avro.ParseWithCache(before.Schema, "", &avro.SchemaCache{})
	if err == nil {
		err = avro.NewSchemaCompatibility().Compatible(reader, writer)
	}
	if err != nil {
		refuse(w, 409, 409, "Schema being registered is incompatible with an earlier schema for subject: %v", err)
	}
	return err != nil
}

func main() {
	addr := flag.String("listen", "127.0.0.1:8081", "address")
	user := flag.String("user", "", "user:password that requests must carry")
	cert := flag.String("cert", "", "PEM file: serve TLS with this certificate")
	key := flag.String("key", "", "PEM file of its key")
	clientCA := flag.String("client-ca", "", "PEM file: clients need a certificate of this CA")
	flag.Parse()
	inner := srfake.NewRegistry().Handler()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		if *user != "" && name+":"+password != *user {
			refuse(w, 401, 40101, "Unauthorized")
			return
		}
		subject := newVersion.FindStringSubmatch(r.URL.EscapedPath())
		if r.Method == "POST" && subject != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil || check(w, inner, subject[1], body) {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		inner.ServeHTTP(w, r)
	})
	server := &http.Server{Addr: *addr, Handler: handler}
	if *clientCA != "" {
		pem, err := os.ReadFile(*clientCA)
		if err != nil {
			log.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		server.TLSConfig = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	}
	if *cert != "" {
		log.Fatal(server.ListenAndServeTLS(*cert, *key))
	}
	log.Fatal(server.ListenAndServe())
}
