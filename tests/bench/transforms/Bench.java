/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of tests/bench/run transforms: Kafka Connect's and Debezium's own classes over the same records, with the
 * protocol that bench.c describes. Avro is Apicurio's copy of Confluent's AvroData with Avro's own readers and writers, cached a
 * schema, and ids that no registry is asked for. Predicates are not part of it. */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import io.apicurio.registry.utils.converter.avro.AvroData;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.transforms.Transformation;

@SuppressWarnings({"rawtypes", "unchecked"})
public final class Bench {
    private static final int BATCH = 256;
    private static final OperatingSystemMXBean SYSTEM = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Map<String, Object> NOWHERE = new HashMap<>();

    /* Confluent's wire format over AvroData; the ids are numbers of this process. */
    private static final class Avro implements Converter {
        private final AvroData data = new AvroData(1000);
        private final Map<Schema, Integer> ids = new HashMap<>();
        private final List<Schema> schemas = new ArrayList<>();
        private final Map<Schema, GenericDatumWriter<Object>> writers = new HashMap<>();
        private final Map<Integer, GenericDatumReader<Object>> readers = new HashMap<>();
        private BinaryEncoder encoder;
        private BinaryDecoder decoder;

        public void configure(Map<String, ?> config, boolean isKey) {
        }

        public byte[] fromConnectData(String topic, org.apache.kafka.connect.data.Schema schema, Object value) {
            Schema avro = data.fromConnectSchema(schema);
            int id = ids.computeIfAbsent(avro, s -> {
                schemas.add(s);
                return schemas.size() - 1;
            });
            try {
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                out.write(0);
                out.write(ByteBuffer.allocate(4).putInt(id).array());
                encoder = EncoderFactory.get().directBinaryEncoder(out, encoder);
                writers.computeIfAbsent(avro, GenericDatumWriter::new).write(data.fromConnectData(schema, value), encoder);
                encoder.flush();
                return out.toByteArray();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        public SchemaAndValue toConnectData(String topic, byte[] bytes) {
            int id = ByteBuffer.wrap(bytes).getInt(1);
            Schema avro = schemas.get(id);
            try {
                decoder = DecoderFactory.get().binaryDecoder(bytes, 5, bytes.length - 5, decoder);
                return data.toConnectData(avro, readers.computeIfAbsent(id, i -> new GenericDatumReader<>(avro)).read(null, decoder));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private final List<Transformation> chain = new ArrayList<>();
    private Converter keys = new JsonConverter(), values = new JsonConverter();
    private final boolean wire;
    private final String topic;
    private final ConnectHeaders headers = new ConnectHeaders();
    private final List<byte[]> rawKeys = new ArrayList<>(), rawValues = new ArrayList<>();
    private final List<SourceRecord> records = new ArrayList<>();
    private long sink;

    private static byte[] bytes(JsonNode node) throws Exception {
        return node == null || node.isNull() ? null : MAPPER.writeValueAsBytes(node);
    }

    Bench(JsonNode job) throws Exception {
        Map<String, String> config = new HashMap<>();
        job.get("config").fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().textValue()));
        keys.configure(Map.of("schemas.enable", "true"), true);
        values.configure(Map.of("schemas.enable", "true"), false);
        for (String alias : config.get("transforms").split(",")) {
            Map<String, String> own = new HashMap<>();
            String prefix = "transforms." + alias + ".";
            config.forEach((k, v) -> {
                if (k.startsWith(prefix))
                    own.put(k.substring(prefix.length()), v);
            });
            Transformation t = (Transformation) Class.forName(own.remove("type")).getDeclaredConstructor().newInstance();
            t.configure(own);
            chain.add(t);
        }
        wire = !job.get("form").textValue().equals("records");
        topic = job.get("topic").textValue();
        job.get("headers").fields().forEachRemaining(e -> headers.addString(e.getKey(), e.getValue().textValue()));
        for (JsonNode line : job.get("lines")) {
            rawKeys.add(bytes(line.get("key")));
            rawValues.add(bytes(line.get("value")));
        }
        for (int i = 0; i < rawKeys.size(); i++)
            records.add(record(i));
        if (job.get("form").textValue().equals("avro")) {
            keys = new Avro();
            values = new Avro();
            for (int i = 0; i < records.size(); i++) {
                SourceRecord r = records.get(i);
                rawKeys.set(i, keys.fromConnectData(topic, r.keySchema(), r.key()));
                rawValues.set(i, values.fromConnectData(topic, r.valueSchema(), r.value()));
            }
        }
    }

    private SourceRecord record(int i) {
        SchemaAndValue key = keys.toConnectData(topic, rawKeys.get(i)), value = values.toConnectData(topic, rawValues.get(i));
        return new SourceRecord(NOWHERE, NOWHERE, topic, null, key.schema(), key.value(), value.schema(), value.value(),
                                1700000000000L + i, headers.duplicate());
    }

    private void one(int i) {
        SourceRecord r = wire ? record(i) : records.get(i);
        for (Transformation t : chain) {
            r = (SourceRecord) t.apply(r);
            if (r == null)
                return;
        }
        sink += r.topic().length();
        if (wire) {
            byte[] k = keys.fromConnectData(r.topic(), r.keySchema(), r.key()), v = values.fromConnectData(r.topic(), r.valueSchema(), r.value());
            sink += (k == null ? 0 : k.length) + (v == null ? 0 : v.length);
        }
    }

    private String go(long ms) {
        long began = SYSTEM.getProcessCpuTime(), now, n = 0;
        int next = 0;
        do {
            for (int i = 0; i < BATCH; i++) {
                one(next);
                if (++next == rawKeys.size())
                    next = 0;
            }
            n += BATCH;
            now = SYSTEM.getProcessCpuTime();
        } while (now - began < ms * 1000000);
        return "{\"records\":" + n + ",\"seconds\":" + (now - began) / 1e9 + ",\"allocations\":0}";
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        Bench bench = null;
        for (String line; (line = in.readLine()) != null;) {
            try {
                if (line.startsWith("go ")) {
                    out.println(bench.go(Long.parseLong(line.substring(3))));
                    continue;
                }
                bench = new Bench(MAPPER.readTree(line));
                out.println("{\"ready\":" + bench.records.size() + "}");
            } catch (Exception e) {
                out.println("{\"failed\":" + MAPPER.writeValueAsString(e.toString()) + "}");
            }
        }
    }
}
