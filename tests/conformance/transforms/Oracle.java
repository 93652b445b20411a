/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of tests/conformance/transforms/run: Kafka Connect's own transforms and predicates, over cases from standard
 * input, one JSON object a line: {"config": {...}, "direction": "source" | "sink", "lines": ["record as JSON", ...]}. For each
 * one line out: {"refused": message} or {"lines": [...]}, a line for a line as `sluice transform` prints them. The chain is
 * put together as a worker does it; a worker, plugins' isolation and retries are left out. */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.json.JsonDeserializer;
import org.apache.kafka.connect.json.JsonSerializer;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

@SuppressWarnings({"rawtypes", "unchecked", "deprecation"})
public final class Oracle {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static final class Step {
        Transformation transform;
        Predicate predicate;
        boolean negate;
    }

    private static final class Failed extends Exception {
        final String stage;

        Failed(String stage, Exception cause) {
            super(cause);
            this.stage = stage;
        }
    }

    private interface Work<T> {
        T run() throws Exception;
    }

    private static <T> T at(String stage, Work<T> work) throws Failed {
        try {
            return work.run();
        } catch (Exception e) {
            throw new Failed(stage, e);
        }
    }

    private final List<Step> steps = new ArrayList<>();
    private final boolean sink;
    private final JsonConverter keys = converter(true), values = converter(false), headers = converter(false);
    private final JsonDeserializer reader;

    private static JsonConverter converter(boolean key) {
        JsonConverter c = new JsonConverter();
        c.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), key);
        return c;
    }

    private static List<String> list(Map<String, String> config, String key) {
        List<String> items = new ArrayList<>();
        for (String item : config.getOrDefault(key, "").split(","))
            if (!item.trim().isEmpty())
                items.add(item.trim());
        return items;
    }

    private static Map<String, String> below(Map<String, String> config, String prefix) {
        Map<String, String> some = new HashMap<>();
        config.forEach((k, v) -> {
            if (k.startsWith(prefix))
                some.put(k.substring(prefix.length()), v);
        });
        return some;
    }

    private static void check(ConfigDef def, Map<String, String> config) {
        for (ConfigValue v : def.validate(config))
            for (String text : v.errorMessages())
                throw new ConfigException(text);
    }

    private Step step(Map<String, String> config, String alias, List<String> predicates) throws Exception {
        Map<String, String> own = below(config, "transforms." + alias + ".");
        Step step = new Step();
        String predicate = own.remove("predicate"), negate = own.remove("negate");
        if (negate != null && predicate == null)
            throw new ConfigException("negate without predicate");
        if (negate != null)
            step.negate = (Boolean) ConfigDef.parseType("negate", negate, ConfigDef.Type.BOOLEAN);
        step.transform = (Transformation) Class.forName(own.get("type")).getDeclaredConstructor().newInstance();
        check(step.transform.config(), own);
        step.transform.configure(own);
        if (predicate != null) {
            if (!predicates.contains(predicate))
                throw new ConfigException("Unknown configuration 'predicates." + predicate + ".type'");
            step.predicate = predicate(config, predicate);
        }
        return step;
    }

    private static Predicate predicate(Map<String, String> config, String alias) throws Exception {
        Map<String, String> own = below(config, "predicates." + alias + ".");
        Predicate p =
            (Predicate) Class.forName(own.get("type")).getDeclaredConstructor().newInstance();
        check(p.config(), own);
        p.configure(own);
        return p;
    }

    private Oracle(Map<String, String> config, boolean sink) throws Exception {
        this.sink = sink;
        /* As JsonConverter reads: BigDecimal for floats. */
        java.lang.reflect.Field f = JsonConverter.class.getDeclaredField("deserializer");
        f.setAccessible(true);
        reader = (JsonDeserializer) f.get(values);
        List<String> predicates = list(config, "predicates");
        for (String alias : predicates)
            predicate(config, alias);
        for (String alias : list(config, "transforms"))
            steps.add(step(config, alias, predicates));
    }

    private static byte[] bytes(JsonNode node) {
        try (JsonSerializer s = new JsonSerializer()) {
            return node == null || node.isNull() ? null : s.serialize("", node);
        }
    }

    private static String text(JsonNode node) {
        return node == null || node.isNull() ? null : node.textValue();
    }

    private static Long number(JsonNode node) {
        return node == null || node.isNull() ? null : node.longValue();
    }

    private ConnectRecord read(JsonNode line) throws Failed {
        String topic = text(line.get("topic"));
        Long partition = number(line.get("partition")), offset = number(line.get("offset")), time = number(line.get("timestamp"));
        if (time != null && time == -1)
            time = null;
        final Long timestamp = time;
        SchemaAndValue key = at("KEY_CONVERTER", () -> keys.toConnectData(topic, bytes(line.get("key"))));
        SchemaAndValue value = at("VALUE_CONVERTER", () -> values.toConnectData(topic, bytes(line.get("value"))));
        ConnectHeaders all = new ConnectHeaders();
        if (line.get("headers") != null)
            for (JsonNode h : line.get("headers")) {
                ObjectNode env = MAPPER.createObjectNode();
                env.set("schema", h.get("schema") == null ? env.nullNode() : h.get("schema"));
                env.set("payload", h.get("payload") == null ? env.nullNode() : h.get("payload"));
                all.add(text(h.get("name")),
                        at("HEADER_CONVERTER", () -> headers.toConnectHeader(topic, text(h.get("name")), bytes(env))));
            }
        if (!sink)
            return new SourceRecord(new HashMap<String, Object>(), new HashMap<String, Object>(), topic,
                                    partition == null ? null : partition.intValue(), key.schema(), key.value(), value.schema(),
                                    value.value(), timestamp, all);
        return new SinkRecord(topic, partition == null ? 0 : partition.intValue(), key.schema(), key.value(), value.schema(),
                              value.value(), offset == null ? 0 : offset, timestamp, TimestampType.CREATE_TIME, all);
    }

    /* Not with the reader: a BigDecimal would turn 1.0E7 into 10000000. */
    private static JsonNode parse(byte[] text) {
        try {
            return text == null ? MAPPER.nullNode() : MAPPER.readTree(text);
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private ObjectNode write(ConnectRecord r, Long offset) throws Failed {
        ObjectNode out = MAPPER.createObjectNode();
        out.put("topic", r.topic());
        out.put("partition", r.kafkaPartition());
        out.put("offset", sink ? Long.valueOf(((SinkRecord) r).kafkaOffset()) : offset);
        out.put("timestamp", r.timestamp());
        out.set("key", parse(at("KEY_CONVERTER", () -> keys.fromConnectData(r.topic(), r.keySchema(), r.key()))));
        out.set("value", parse(at("VALUE_CONVERTER", () -> values.fromConnectData(r.topic(), r.valueSchema(), r.value()))));
        ArrayNode list = out.putArray("headers");
        for (Header h : (Iterable<Header>) r.headers()) {
            byte[] text = at("HEADER_CONVERTER", () -> headers.fromConnectHeader(r.topic(), h.key(), h.schema(), h.value()));
            ObjectNode one = list.addObject();
            one.put("name", h.key());
            if (text == null) {
                one.putNull("schema");
                one.putNull("payload");
            } else {
                one.setAll((ObjectNode) parse(text));
            }
        }
        return out;
    }

    private ObjectNode apply(String text) {
        ObjectNode out = MAPPER.createObjectNode();
        try {
            JsonNode line = at("VALUE_CONVERTER", () -> reader.deserialize("", text.getBytes(StandardCharsets.UTF_8)));
            ConnectRecord record = read(line);
            for (Step step : steps) {
                final ConnectRecord before = record;
                record = at("TRANSFORMATION", () -> (ConnectRecord) (
                    step.predicate == null || step.predicate.test(before) != step.negate ? step.transform.apply(before) : before));
                if (record == null)
                    return out.put("dropped", true);
            }
            return write(record, number(line.get("offset")));
        } catch (Failed f) {
            ObjectNode error = MAPPER.createObjectNode();
            error.put("stage", f.stage);
            error.put("class", f.getCause().getClass().getName());
            error.put("message", f.getCause().getMessage());
            out.removeAll();
            out.set("error", error);
            return out;
        }
    }

    public static void main(String[] args) throws Exception {
        PrintStream stdout = new PrintStream(System.out, false, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            JsonNode c = MAPPER.readTree(line);
            Map<String, String> config = new LinkedHashMap<>();
            c.get("config").fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().asText()));
            ObjectNode out = MAPPER.createObjectNode();
            try {
                Oracle oracle = new Oracle(config, "sink".equals(text(c.get("direction"))));
                ArrayNode lines = out.putArray("lines");
                for (JsonNode one : c.get("lines"))
                    lines.add(oracle.apply(one.textValue()));
            } catch (Exception e) {
                out.removeAll();
                out.put("refused", e.getClass().getName() + ": " + e.getMessage());
            }
            stdout.println(MAPPER.writeValueAsString(out));
            stdout.flush();
        }
    }
}
