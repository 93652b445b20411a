/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of tests/conformance/converters/run: Apicurio's copy of Confluent's AvroData, over the lines that
 * tests/support/avro_tool.c takes and with its answers. */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.apicurio.registry.serde.avro.NonRecordContainer;
import io.apicurio.registry.utils.converter.avro.AvroData;
import io.apicurio.registry.utils.converter.avro.AvroDataConfig;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

public final class Oracle {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static AvroData data(JsonNode options) {
        Map<String, Object> config = new HashMap<>();
        config.put("schemas.cache.config", "1");
        config.put("schemas.cache.size", "1");
        for (JsonNode option : options) {
            String[] pair = option.asText().split("=");
            config.put(pair[0], pair.length > 1 ? pair[1] : "true");
        }
        return new AvroData(new AvroDataConfig(config));
    }

    private static void write(JsonConverter json, JsonNode in, ObjectNode out) throws Exception {
        AvroData data = data(in.get("options"));
        SchemaAndValue v = json.toConnectData("t", in.get("record").asText().getBytes(StandardCharsets.UTF_8));
        Schema schema = data.fromConnectSchema(v.schema());
        Object value = data.fromConnectData(v.schema(), v.value());
        if (value instanceof NonRecordContainer)
            value = ((NonRecordContainer) value).getValue();
        if (value == null) {
            out.put("null", true);
            return;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        if (schema.getType() == Schema.Type.BYTES) { // as Confluent's serializer does
            bytes.write(((ByteBuffer) value).array());
        } else {
            BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
            new GenericDatumWriter<Object>(schema).write(value, encoder);
            encoder.flush();
        }
        out.put("schema", schema.toString());
        out.put("data", HexFormat.of().formatHex(bytes.toByteArray()));
    }

    private static void read(JsonConverter json, JsonNode in, ObjectNode out) throws Exception {
        Schema writer = new Schema.Parser().parse(in.get("schema").asText());
        Schema reader = in.has("reader") ? new Schema.Parser().parse(in.get("reader").asText()) : writer;
        out.put("printed", writer.toString());
        byte[] bytes = HexFormat.of().parseHex(in.get("data").asText());
        Object value = bytes;
        if (writer.getType() != Schema.Type.BYTES) // as Confluent's deserializer does
            value = new GenericDatumReader<Object>(writer, reader).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
        SchemaAndValue v = data(in.get("options")).toConnectData(reader, value);
        byte[] record = v == null ? null : json.fromConnectData("t", v.schema(), v.value());
        out.put("record", record == null ? null : new String(record, StandardCharsets.UTF_8));
    }

    public static void main(String[] args) throws Exception {
        JsonConverter json = new JsonConverter();
        json.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        PrintStream stdout = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null;) {
            JsonNode in = MAPPER.readTree(line);
            ObjectNode out = MAPPER.createObjectNode();
            try {
                if (in.get("op").asText().equals("write"))
                    write(json, in, out);
                else
                    read(json, in, out);
            } catch (Exception | StackOverflowError e) {
                out.put("error", e.toString());
            }
            stdout.println(MAPPER.writeValueAsString(out));
        }
    }
}
