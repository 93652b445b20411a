/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of tests/bench/run transforms: Kafka Connect's and Debezium's own classes over the same records, with the
 * protocol that bench.c describes. Predicates are not part of it. */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.transforms.Transformation;

@SuppressWarnings({"rawtypes", "unchecked"})
public final class Bench {
    private static final int BATCH = 256;
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Map<String, Object> NOWHERE = new HashMap<>();

    private final List<Transformation> chain = new ArrayList<>();
    private final Converter keys = new JsonConverter(), values = new JsonConverter();
    private final boolean wire;
    private final String topic;
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
        wire = job.get("form").textValue().equals("json");
        topic = job.get("topic").textValue();
        for (JsonNode line : job.get("lines")) {
            rawKeys.add(bytes(line.get("key")));
            rawValues.add(bytes(line.get("value")));
        }
        for (int i = 0; i < rawKeys.size(); i++)
            records.add(record(i));
    }

    private SourceRecord record(int i) {
        SchemaAndValue key = keys.toConnectData(topic, rawKeys.get(i)), value = values.toConnectData(topic, rawValues.get(i));
        return new SourceRecord(NOWHERE, NOWHERE, topic, null, key.schema(), key.value(), value.schema(), value.value(),
                                1700000000000L + i);
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
        long began = System.nanoTime(), now, n = 0;
        do {
            for (int i = 0; i < BATCH; i++)
                one((int) (n++ % rawKeys.size()));
            now = System.nanoTime();
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
