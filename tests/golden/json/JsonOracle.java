// SPDX-License-Identifier: Apache-2.0
// Makes roundtrip.tsv: reads lines "config TAB text" from standard input, decodes the text with Kafka's own JsonConverter,
// encodes the result again and prints "config TAB text TAB answer"; the answer is the new text, <null> for null bytes, or
// "ERR <message>". config: letters; P = schemas.enable=false, N = decimal.format=NUMERIC, R = replace.null.with.default=false,
// - = defaults. Text <null> is null bytes. A new case: add its line to roundtrip.tsv (two columns do), then
//   cut -f1,2 roundtrip.tsv | java -cp "<folder of Kafka's jars>/*" JsonOracle.java > new
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

public class JsonOracle {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null;) {
            String[] part = line.split("\t", -1);
            JsonConverter converter = new JsonConverter();
            Map<String, Object> config = new HashMap<>();
            config.put("schemas.enable", !part[0].contains("P"));
            config.put("decimal.format", part[0].contains("N") ? "NUMERIC" : "BASE64");
            config.put("replace.null.with.default", !part[0].contains("R"));
            converter.configure(config, false);
            String answer;
            try {
                byte[] bytes = part[1].equals("<null>") ? null : part[1].getBytes(StandardCharsets.UTF_8);
                SchemaAndValue value = converter.toConnectData("t", bytes);
                byte[] again = converter.fromConnectData("t", value.schema(), value.value());
                answer = again == null ? "<null>" : new String(again, StandardCharsets.UTF_8);
            } catch (Exception e) {
                answer = "ERR " + String.valueOf(e.getMessage()).split("\n")[0];
            }
            out.println(part[0] + "\t" + part[1] + "\t" + answer);
        }
    }
}
