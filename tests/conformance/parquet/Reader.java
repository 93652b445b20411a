/* SPDX-License-Identifier: Apache-2.0 */
/* parquet-java as a reader, for tests/conformance/parquet/run: jobs from standard input, one JSON object a line:
 *   {"file": path, "out": path, "filters": [{"column": "a.b", "op": "lt", "value": ...}]}
 * For each, all rows go to "out", one JSON line a row in the canonical form of generate.py, and one line comes back:
 *   {"rows": count, "filters": [[n of the rows that pass], ...], "read": [rows left by indexes, per filter],
 *    "bloom": {column: {"tested": count, "missing": count, "false": share of absent values said to be there}}}
 * or {"error": text}. Checksums are verified; filters go through statistics, dictionaries, bloom filters, column indexes and the
 * record filter, as parquet-java does by default. */
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.column.values.bloomfilter.BloomFilter;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.filter2.compat.FilterCompat;
import org.apache.parquet.filter2.predicate.FilterApi;
import org.apache.parquet.filter2.predicate.FilterPredicate;
import org.apache.parquet.filter2.predicate.Operators;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.api.ReadSupport;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.StringLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;
import shaded.parquet.com.fasterxml.jackson.databind.JsonNode;
import shaded.parquet.com.fasterxml.jackson.databind.ObjectMapper;
import shaded.parquet.com.fasterxml.jackson.databind.node.ArrayNode;
import shaded.parquet.com.fasterxml.jackson.databind.node.ObjectNode;

public final class Reader {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final int ABSENT = 2000;

    private static final class Bloom {
        BloomFilter filter;
        long tested, missing, wrong, absent;
    }

    private static final class Rows extends ParquetReader.Builder<Group> {
        Rows(Path file) throws IOException {
            super(new LocalInputFile(file), new PlainParquetConfiguration());
        }

        @Override
        protected ReadSupport<Group> getReadSupport() {
            return new GroupReadSupport();
        }
    }

    private final Map<String, Bloom> blooms = new HashMap<>();
    private final StringBuilder out = new StringBuilder();

    // ---- values ----

    private static boolean isText(PrimitiveType type) {
        LogicalTypeAnnotation logical = type.getLogicalTypeAnnotation();
        return logical instanceof StringLogicalTypeAnnotation || logical instanceof LogicalTypeAnnotation.EnumLogicalTypeAnnotation;
    }

    private void addText(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private void addBinary(PrimitiveType type, Binary value) {
        byte[] bytes = value.getBytes();
        if (type.getLogicalTypeAnnotation() instanceof DecimalLogicalTypeAnnotation) {
            out.append(new BigInteger(bytes));
        } else if (type.getLogicalTypeAnnotation() instanceof LogicalTypeAnnotation.UUIDLogicalTypeAnnotation) {
            ByteBuffer uuid = ByteBuffer.wrap(bytes);
            addText(new UUID(uuid.getLong(), uuid.getLong()).toString());
        } else if (isText(type)) {
            addText(new String(bytes, StandardCharsets.UTF_8));
        } else {
            out.append('"');
            for (byte b : bytes) {
                out.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
            }
            out.append('"');
        }
    }

    private void test(String path, long hash) {
        Bloom bloom = blooms.get(path);
        bloom.tested++;
        if (!bloom.filter.findHash(hash)) {
            bloom.missing++;
        }
    }

    private void addPrimitive(PrimitiveType type, Group from, int field, int index, String path) {
        BloomFilter bloom = blooms.containsKey(path) ? blooms.get(path).filter : null;
        switch (type.getPrimitiveTypeName()) {
            case BOOLEAN:
                out.append(from.getBoolean(field, index));
                break;
            case INT32:
                int i = from.getInteger(field, index);
                out.append(i);
                if (bloom != null) test(path, bloom.hash(i));
                break;
            case INT64:
                long l = from.getLong(field, index);
                out.append(l);
                if (bloom != null) test(path, bloom.hash(l));
                break;
            case FLOAT:
                float f = from.getFloat(field, index);
                out.append(Float.isNaN(f) ? "\"NaN\"" : Integer.toString(Float.floatToIntBits(f)));
                if (bloom != null) test(path, bloom.hash(f));
                break;
            case DOUBLE:
                double d = from.getDouble(field, index);
                out.append(Double.isNaN(d) ? "\"NaN\"" : Long.toString(Double.doubleToLongBits(d)));
                if (bloom != null) test(path, bloom.hash(d));
                break;
            default:
                Binary binary = from.getBinary(field, index);
                addBinary(type, binary);
                if (bloom != null) test(path, bloom.hash(binary));
        }
    }

    // ---- rows ----

    /* Is the repeated child of a LIST its element, as in two-level lists? The format's rules for old files. */
    private static boolean isElement(GroupType list, Type repeated) {
        return repeated.isPrimitive() || repeated.asGroupType().getFieldCount() > 1 || repeated.getName().equals("array")
            || repeated.getName().equals(list.getName() + "_tuple");
    }

    private void addMembers(GroupType type, Group group, String path) {
        out.append('[');
        for (int i = 0; i < type.getFieldCount(); i++) {
            if (i > 0) out.append(',');
            addField(type.getType(i), group, i, path);
        }
        out.append(']');
    }

    private void addField(Type type, Group parent, int field, String path) {
        String here = path.isEmpty() ? type.getName() : path + "." + type.getName();
        if (parent.getFieldRepetitionCount(field) == 0) {
            out.append("null");
        } else {
            addValue(type, parent, field, 0, here);
        }
    }

    private void addValue(Type type, Group parent, int field, int index, String path) {
        if (type.isPrimitive()) {
            addPrimitive(type.asPrimitiveType(), parent, field, index, path);
            return;
        }
        GroupType group = type.asGroupType();
        Group value = parent.getGroup(field, index);
        LogicalTypeAnnotation logical = group.getLogicalTypeAnnotation();
        boolean list = logical instanceof ListLogicalTypeAnnotation;
        if (!list && !(logical instanceof MapLogicalTypeAnnotation)) {
            addMembers(group, value, path);
            return;
        }
        Type repeated = group.getType(0);
        String below = path + "." + repeated.getName();
        out.append('[');
        for (int i = 0; i < value.getFieldRepetitionCount(0); i++) {
            if (i > 0) out.append(',');
            if (list && isElement(group, repeated)) {
                addValue(repeated, value, 0, i, below);
            } else if (list) {
                addField(repeated.asGroupType().getType(0), value.getGroup(0, i), 0, below);
            } else {
                addMembers(repeated.asGroupType(), value.getGroup(0, i), below);
            }
        }
        out.append(']');
    }

    private void openBlooms(ParquetFileReader reader, BlockMetaData block, Map<String, Bloom> all) {
        Random random = new Random(block.getOrdinal() + 1L);
        blooms.clear();
        for (ColumnChunkMetaData chunk : block.getColumns()) {
            BloomFilter filter = reader.getBloomFilterDataReader(block).readBloomFilter(chunk);
            if (filter == null) {
                continue;
            }
            Bloom bloom = all.computeIfAbsent(chunk.getPath().toDotString(), path -> new Bloom());
            bloom.filter = filter;
            for (int i = 0; i < ABSENT; i++) {
                // A hash is what is looked up, so any 64 random bits stand for an absent value.
                bloom.wrong += filter.findHash(random.nextLong()) ? 1 : 0;
                bloom.absent++;
            }
            blooms.put(chunk.getPath().toDotString(), bloom);
        }
    }

    private long readAll(Path file, Path to, Map<String, Bloom> all) throws IOException {
        ParquetReadOptions options = ParquetReadOptions.builder(new PlainParquetConfiguration()).usePageChecksumVerification(true).build();
        long rows = 0;
        try (ParquetFileReader reader = ParquetFileReader.open(new LocalInputFile(file), options);
             BufferedWriter writer = Files.newBufferedWriter(to)) {
            MessageType schema = reader.getFileMetaData().getSchema();
            MessageColumnIO io = new ColumnIOFactory().getColumnIO(schema);
            for (BlockMetaData block : reader.getRowGroups()) {
                openBlooms(reader, block, all);
                PageReadStore pages = reader.readNextRowGroup();
                RecordReader<Group> records = io.getRecordReader(pages, new GroupRecordConverter(schema));
                for (long i = 0; i < pages.getRowCount(); i++, rows++) {
                    out.setLength(0);
                    addMembers(schema, records.read(), "");
                    writer.append(out).append('\n');
                }
            }
        }
        return rows;
    }

    // ---- filters ----

    private static byte[] unhex(String text) {
        byte[] bytes = new byte[text.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }

    private static Binary binaryOf(PrimitiveType type, JsonNode value) {
        if (!(type.getLogicalTypeAnnotation() instanceof DecimalLogicalTypeAnnotation)) {
            return isText(type) ? Binary.fromString(value.textValue()) : Binary.fromConstantByteArray(unhex(value.textValue()));
        }
        byte[] bytes = value.bigIntegerValue().toByteArray();
        if (type.getPrimitiveTypeName() == PrimitiveType.PrimitiveTypeName.FIXED_LEN_BYTE_ARRAY) {
            byte[] wide = new byte[type.getTypeLength()];
            java.util.Arrays.fill(wide, (byte) (bytes[0] < 0 ? -1 : 0));
            System.arraycopy(bytes, 0, wide, wide.length - bytes.length, bytes.length);
            bytes = wide;
        }
        return Binary.fromConstantByteArray(bytes);
    }

    private static <T extends Comparable<T>, C extends Operators.Column<T> & Operators.SupportsLtGt> FilterPredicate compare(
        C column, String op, T value) {
        switch (op) {
            case "lt": return FilterApi.lt(column, value);
            case "le": return FilterApi.ltEq(column, value);
            case "gt": return FilterApi.gt(column, value);
            default: return FilterApi.gtEq(column, value);
        }
    }

    private static <T extends Comparable<T>, C extends Operators.Column<T> & Operators.SupportsEqNotEq & Operators.SupportsLtGt>
        FilterPredicate any(C column, String op, T value) {
        return op.equals("eq") ? FilterApi.eq(column, value) : op.equals("ne") ? FilterApi.notEq(column, value) : compare(column, op, value);
    }

    private static FilterPredicate predicate(MessageType schema, JsonNode spec) {
        String path = spec.get("column").textValue(), op = spec.get("op").textValue();
        JsonNode value = spec.get("value");
        boolean none = value.isNull();
        PrimitiveType type = schema.getType(path.split("\\.")).asPrimitiveType();
        switch (type.getPrimitiveTypeName()) {
            case BOOLEAN:
                Operators.BooleanColumn column = FilterApi.booleanColumn(path);
                Boolean flag = none ? null : value.booleanValue();
                return op.equals("eq") ? FilterApi.eq(column, flag) : FilterApi.notEq(column, flag);
            case INT32: return any(FilterApi.intColumn(path), op, none ? null : value.intValue());
            case INT64: return any(FilterApi.longColumn(path), op, none ? null : value.longValue());
            case FLOAT: return any(FilterApi.floatColumn(path), op, none ? null : Float.intBitsToFloat(value.intValue()));
            case DOUBLE: return any(FilterApi.doubleColumn(path), op, none ? null : Double.longBitsToDouble(value.longValue()));
            default: return any(FilterApi.binaryColumn(path), op, none ? null : binaryOf(type, value));
        }
    }

    private static void filter(Path file, JsonNode spec, ArrayNode rows, ArrayNode read) throws IOException {
        FilterCompat.Filter filter;
        try (ParquetFileReader reader = ParquetFileReader.open(new LocalInputFile(file))) {
            filter = FilterCompat.get(predicate(reader.getFileMetaData().getSchema(), spec));
        }
        ParquetReadOptions options = ParquetReadOptions.builder(new PlainParquetConfiguration()).withRecordFilter(filter).build();
        try (ParquetFileReader reader = ParquetFileReader.open(new LocalInputFile(file), options)) {
            read.add(reader.getFilteredRecordCount());
        }
        try (ParquetReader<Group> reader = new Rows(file).withFilter(filter).build()) {
            for (Group row = reader.read(); row != null; row = reader.read()) {
                rows.add(row.getLong(0, 0));
            }
        }
    }

    private ObjectNode job(JsonNode job) throws IOException {
        Path file = Path.of(job.get("file").textValue());
        Map<String, Bloom> all = new HashMap<>();
        ObjectNode answer = MAPPER.createObjectNode();
        answer.put("rows", readAll(file, Path.of(job.get("out").textValue()), all));
        ArrayNode passed = answer.putArray("filters"), read = answer.putArray("read");
        for (JsonNode spec : job.get("filters")) {
            filter(file, spec, passed.addArray(), read);
        }
        ObjectNode found = answer.putObject("bloom");
        all.forEach((path, bloom) -> found.putObject(path).put("tested", bloom.tested).put("missing", bloom.missing)
            .put("false", bloom.wrong / (double) bloom.absent));
        return answer;
    }

    public static void main(String[] args) throws IOException {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
            ObjectNode answer;
            try {
                answer = new Reader().job(MAPPER.readTree(line));
            } catch (Exception | Error e) {
                StringBuilder text = new StringBuilder();
                for (Throwable t = e; t != null; t = t.getCause()) {
                    text.append(t).append(t.getStackTrace().length > 0 ? " at " + t.getStackTrace()[0] : "").append("; ");
                }
                answer = MAPPER.createObjectNode().put("error", text.toString());
            }
            answers.println(answer);
        }
    }
}
