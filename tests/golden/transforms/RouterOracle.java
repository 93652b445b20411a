// SPDX-License-Identifier: Apache-2.0
// Makes regexrouter.tsv: reads "regex TAB replacement TAB topic" and adds what Kafka's own RegexRouter makes of the topic, or
// "ERR <message>".
//   cut -f1-3 regexrouter.tsv | java -cp "<folder of Kafka's jars>/*" RouterOracle.java > new
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.RegexRouter;

public class RouterOracle {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null;) {
            String[] part = line.split("\t", -1);
            String answer;
            try (RegexRouter<SourceRecord> router = new RegexRouter<>()) {
                router.configure(Map.of("regex", part[0], "replacement", part[1]));
                answer = router.apply(new SourceRecord(null, null, part[2], 0, null, null)).topic();
            } catch (Exception e) {
                answer = "ERR " + String.valueOf(e.getMessage()).split("\n")[0];
            }
            out.println(line + "\t" + answer);
        }
    }
}
