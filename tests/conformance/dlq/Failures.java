// SPDX-License-Identifier: Apache-2.0
// What goes wrong in applications, as exceptions that real code throws about a record's value, with the class that a person gives each; run by
// itself it prints those classes and values (in base64).

import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.UUIDDeserializer;
import org.apache.kafka.connect.json.JsonDeserializer;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;

public class Failures {
    enum Color { RED, BLUE }
    public static class Order {
        public int id;
        public Color color;
        public List<Integer> items;
    }
    static class InsufficientFundsException extends RuntimeException {
        InsufficientFundsException(String m) { super(m); }
    }
    static class OrderValidationException extends RuntimeException {
        OrderValidationException(String m) { super(m); }
    }
    static class PaymentGatewayTimeoutException extends RuntimeException {
        PaymentGatewayTimeoutException(String m) { super(m); }
    }

    static final ObjectMapper MAPPER = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    static byte[] utf8(String s) { return s.getBytes(StandardCharsets.UTF_8); }

    static Exception thrown(Callable<?> code) {
        try {
            code.call();
        } catch (Exception e) {
            return e;
        }
        throw new IllegalStateException("nothing was thrown");
    }

    record Failure(Exception error, String label, byte[] value) { }

    static final byte[] ORDER = utf8("{\"id\":17,\"color\":\"RED\",\"items\":[1,2]}"); // nothing is wrong with it

    static void listener(List<Failure> all, String label, Callable<?> code) { of(all, label, ORDER, code); }

    static void of(List<Failure> all, String label, byte[] value, Callable<?> code) { all.add(new Failure(thrown(code), label, value)); }

    static void read(List<Failure> all, String label, String text) {
        of(all, label, utf8(text), () -> MAPPER.readValue(utf8(text), Order.class));
    }

    static void bytes(List<Failure> all, Deserializer<?> deserializer, byte[] value) {
        of(all, "deserialization", value, () -> deserializer.deserialize("t", value));
    }

    static List<Failure> all() {
        List<Failure> all = new ArrayList<>();
        for (String text : List.of("{bad", "", "tru", "hello", "{\"id\":1", "<x/>"))
            read(all, "deserialization", text);
        for (String text : List.of("{\"id\":\"x\"}", "{\"color\":\"PURPLE\"}", "{\"other\":1}", "[]", "{\"items\":{}}", "{\"items\":[\"a\"]}", "\"text\""))
            read(all, "schema_mismatch", text);
        bytes(all, new LongDeserializer(), new byte[3]);
        bytes(all, new IntegerDeserializer(), new byte[8]);
        bytes(all, new UUIDDeserializer(), utf8("no uuid"));
        bytes(all, new JsonDeserializer(), utf8("{"));
        listener(all, "transient", () -> new Socket("127.0.0.1", 1));
        listener(all, "transient", () -> java.net.InetAddress.getByName("no-such-host.invalid"));
        listener(all, "transient", () -> new CompletableFuture<String>().get(1, TimeUnit.MILLISECONDS));
        listener(all, "transient", () -> java.net.http.HttpClient.newHttpClient().send(
                java.net.http.HttpRequest.newBuilder(java.net.URI.create("http://127.0.0.1:1/")).build(), java.net.http.HttpResponse.BodyHandlers.ofString()));
        listener(all, "transient", () -> { throw new org.apache.kafka.common.errors.TimeoutException("Expiring 1 record(s) for orders-0: 120000 ms has passed"); });
        listener(all, "transient", () -> { throw new TopicAuthorizationException("Not authorized to access topics: [orders]"); });
        listener(all, "transient", () -> { throw new PaymentGatewayTimeoutException("no answer from gateway-7 in 3000 ms"); });
        listener(all, "transient", () -> { throw new java.sql.SQLTransientConnectionException("HikariPool-1 - Connection is not available, request timed out after 30001ms."); });
        listener(all, "transient", () -> { throw new java.sql.SQLException("The connection attempt failed.", "08001"); });
        listener(all, "business", () -> { throw new InsufficientFundsException("account 4711 has 12.50, needs 503.00"); });
        listener(all, "business", () -> { throw new OrderValidationException("basket of 503 items"); });
        of(all, "business", utf8("{\"id\":17,\"items\":[-3]}"), () -> { throw new IllegalArgumentException("quantity -3 of order 17"); });
        listener(all, "business", () -> Integer.parseInt("twelve"));
        listener(all, "business", () -> java.time.LocalDate.parse("22.11.2026"));
        listener(all, "business", () -> { throw new RecordTooLargeException("The message is 2097260 bytes when serialized which is larger than 1048576"); });
        listener(all, "business", () -> { throw new java.sql.SQLIntegrityConstraintViolationException("Duplicate entry '17' for key 'orders.PRIMARY'", "23000"); });
        of(all, "schema_mismatch", utf8("{\"id\":18,\"color\":\"PURPLE\"}"), () -> Color.valueOf("PURPLE"));
        listener(all, "schema_mismatch", () -> (Integer) (Object) "text");
        listener(all, "unknown", () -> { Object o = null; return o.toString(); });
        return all;
    }

    public static void main(String[] args) { 
        for (var failure : all())
            System.out.println(failure.label + " " + Base64.getEncoder().encodeToString(failure.value));
    }
}
