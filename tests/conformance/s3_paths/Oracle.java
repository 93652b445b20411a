/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of tests/conformance/s3_paths/run: Joda-Time, asked for what Confluent's partitioners and its scheduled rotation ask it.
 * Lines and answers as in tests/support/s3_paths.c. */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.joda.time.DateTime;
import org.joda.time.DateTimeZone;
import org.joda.time.format.DateTimeFormat;
import org.joda.time.format.ISODateTimeFormat;

public final class Oracle {
    /** Local time, whole spans of it cut off, and back to an instant, which is printed. */
    private static String path(String[] f) {
        DateTimeZone zone = DateTimeZone.forID(f[1]);
        long span = Long.parseLong(f[3]);
        long local = zone.convertUTCToLocal(Long.parseLong(f[5]));
        long start = zone.convertLocalToUTC(local - local % span, false);
        return DateTimeFormat.forPattern(f[4]).withZone(zone).withLocale(new Locale(f[2])).print(start);
    }

    /** Midnight, and from there whole intervals until now is passed, but not beyond the next day's beginning. */
    private static String schedule(String[] f) {
        long interval = Long.parseLong(f[2]);
        long now = Long.parseLong(f[3]);
        DateTime midnight = new DateTime(now, DateTimeZone.forID(f[1])).withTimeAtStartOfDay();
        long passed = (now - midnight.getMillis()) / interval;
        long limit = midnight.plusDays(1).getMillis() - midnight.getMillis();
        return Long.toString(midnight.getMillis() + Math.min((passed + 1) * interval, limit));
    }

    private static String text(String s) {
        if (s.matches("-?[0-9]{1,19}")) {
            try {
                return Long.toString(Long.parseLong(s));
            } catch (NumberFormatException tooLarge) {
                // a year then
            }
        }
        try {
            return Long.toString(ISODateTimeFormat.dateTimeParser().parseMillis(s));
        } catch (IllegalArgumentException e) {
            return "-";
        }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            String[] f = line.split("\t", -1);
            try {
                out.println(f[0].equals("P") ? path(f) : f[0].equals("S") ? schedule(f) : text(f[1]));
            } catch (IllegalArgumentException | ArithmeticException e) {
                out.println("! " + e.getMessage());
            }
        }
        out.flush();
    }
}
