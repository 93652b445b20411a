/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of tests/conformance/projection/run: Kafka Connect's SchemaProjector over the lines that
 * tests/support/project_lines.c takes; and where the class is on the class path, Confluent's StorageSchemaCompatibility. */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.SchemaProjector;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;

public final class Oracle {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final JsonConverter PLAIN = new JsonConverter();
    private static final String[] MODES = {"NONE", "BACKWARD", "FORWARD", "FULL"};

    private static void failed(ObjectNode out, Throwable e) {
        out.put("java", e.getClass().getName());
        out.put("error", String.valueOf(e.getMessage()));
    }

    private static void value(ObjectNode out, Schema schema, Object value) {
        byte[] bytes = PLAIN.fromConnectData("t", schema, value);
        out.put("value", bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8));
    }

    private static ObjectNode connect(SchemaAndValue record, Schema file) {
        ObjectNode out = MAPPER.createObjectNode();
        try {
            value(out, file, SchemaProjector.project(record.schema(), record.value(), file));
        } catch (Exception e) {
            failed(out, e);
        }
        return out;
    }

    /* Does Connect's JSON writer take what Connect's validation let through? Always, but say so if not. */
    private static ObjectNode storage(Class<?> type, String mode, SchemaAndValue record, Schema file) throws Exception {
        ObjectNode out = MAPPER.createObjectNode();
        Object compatibility = type.getMethod("getCompatibility", String.class).invoke(null, mode);
        SinkRecord r = new SinkRecord("t", 0, null, null, record.schema(), record.value(), 0);
        try {
            Method check = type.getMethod("shouldChangeSchema", ConnectRecord.class, Schema.class, Schema.class);
            Object result = check.invoke(compatibility, r, null, file);
            if ((Boolean) result.getClass().getMethod("isInCompatible").invoke(result)) {
                out.put("fit", "ROTATE");
                out.put("why", result.getClass().getMethod("getSchemaIncompatibilityType").invoke(result).toString());
                return out;
            }
            SinkRecord p = (SinkRecord) type.getMethod("project", SinkRecord.class, Schema.class, Schema.class).invoke(compatibility, r, null, file);
            out.put("fit", p == r ? "KEEP" : "PROJECT");
            value(out, file, p.value());
        } catch (InvocationTargetException e) {
            failed(out, e.getCause());
        }
        return out;
    }

    private static Class<?> storageClass() {
        try {
            return Class.forName("io.confluent.connect.storage.schema.StorageSchemaCompatibility");
        } catch (ClassNotFoundException e) {
            return null;
        }
    }

    /* How JsonConverter writes floats that JSON has no numbers for. */
    private static ObjectNode floats() {
        ObjectNode out = MAPPER.createObjectNode();
        Schema s = SchemaBuilder.struct().field("f", SchemaBuilder.array(Schema.FLOAT32_SCHEMA).build())
            .field("d", SchemaBuilder.array(Schema.FLOAT64_SCHEMA).build()).build();
        value(out, s, new Struct(s).put("f", java.util.List.of(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0.0f, 1.1f, 1e10f, 3.4028235E38f))
            .put("d", java.util.List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -0.0, 1.1, 1e10, 1e-5, Double.MIN_VALUE)));
        return out;
    }

    public static void main(String[] args) throws Exception {
        JsonConverter json = new JsonConverter();
        json.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        PLAIN.configure(Map.of("schemas.enable", "false", "replace.null.with.default", "false"), false);
        Class<?> storage = storageClass();
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        out.println(MAPPER.writeValueAsString(floats()));
        for (String line; (line = in.readLine()) != null;) {
            JsonNode n = MAPPER.readTree(line);
            ObjectNode answer = MAPPER.createObjectNode();
            Schema file = n.get("file").isNull() ? null : json.asConnectSchema(n.get("file"));
            SchemaAndValue record = json.toConnectData("t", MAPPER.writeValueAsBytes(n.get("record")));
            if (file != null && record.schema() != null)
                answer.set("connect", connect(record, file));
            if (storage != null)
                answer.set("storage", storage(storage, MODES[n.get("mode").asInt()], record, file));
            out.println(MAPPER.writeValueAsString(answer));
        }
        out.flush();
    }
}
