// SPDX-License-Identifier: Apache-2.0
// Makes values.tsv: reads header texts (\t, \n, \r and \\ escaped), one a line, and adds what Kafka's own SimpleHeaderConverter
// makes of each: the schema, the value with its Java types, and the text that it writes for that value.
//   cut -f1 values.tsv | TZ=UTC java -cp "<folder of Kafka's jars>/*" ValuesOracle.java > new
import java.io.*;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class ValuesOracle {
    static String escape(String s) {
        return s.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
    }

    static String unescape(String s) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == '\\') {
                c = s.charAt(++i);
                c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
            }
            out.append(c);
        }
        return out.toString();
    }

    static String schema(Schema s) {
        if (s == null)
            return "-";
        String text = s.type().name() + (s.isOptional() ? "?" : "");
        if (s.name() != null)
            text += ":" + s.name().substring(s.name().lastIndexOf('.') + 1) + (s.parameters() == null ? "" : s.parameters());
        if (s.type() == Schema.Type.ARRAY)
            text += "<" + schema(s.valueSchema()) + ">";
        if (s.type() == Schema.Type.MAP)
            text += "<" + schema(s.keySchema()) + "," + schema(s.valueSchema()) + ">";
        return text;
    }

    static String value(Object v) {
        if (v == null)
            return "null";
        if (v instanceof Byte || v instanceof Short || v instanceof Integer || v instanceof Long)
            return (v instanceof Byte ? "i8=" : v instanceof Short ? "i16=" : v instanceof Integer ? "i32=" : "i64=") + v;
        if (v instanceof Float)
            return String.format("f32=%08x", Float.floatToIntBits((Float) v));
        if (v instanceof Double)
            return String.format("f64=%016x", Double.doubleToLongBits((Double) v));
        if (v instanceof Date)
            return "ms=" + ((Date) v).getTime();
        if (v instanceof BigDecimal)
            return "dec=" + v;
        if (v instanceof byte[])
            return "bytes=" + Base64.getEncoder().encodeToString((byte[]) v);
        if (v instanceof String)
            return "'" + escape((String) v) + "'";
        StringJoiner items = new StringJoiner(",", v instanceof List ? "[" : "{", v instanceof List ? "]" : "}");
        if (v instanceof List)
            for (Object item : (List<?>) v)
                items.add(value(item));
        else if (v instanceof Map)
            for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet())
                items.add(value(e.getKey()) + ":" + value(e.getValue()));
        else
            return v.toString();
        return items.toString();
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        SimpleHeaderConverter converter = new SimpleHeaderConverter();
        for (String line; (line = in.readLine()) != null;) {
            SchemaAndValue got = converter.toConnectHeader("t", "h", unescape(line).getBytes(StandardCharsets.UTF_8));
            Schema s = got == null ? null : got.schema();
            Object v = got == null ? null : got.value();
            byte[] text = converter.fromConnectHeader("t", "h", s, v);
            out.println(line + "\t" + schema(s) + "\t" + value(v) + "\t"
                        + (text == null ? "null" : escape(new String(text, StandardCharsets.UTF_8))));
        }
        out.flush();
    }
}
