// SPDX-License-Identifier: Apache-2.0
// Makes timeformat.tsv: reads "W TAB pattern TAB milliseconds" and "R TAB pattern TAB text" and adds what java.text.SimpleDateFormat
// writes or reads (milliseconds), "ERR" when it does not. Two-digit years begin 80 years before 2026-06-15T12:00:00Z.
//   cut -f1-3 timeformat.tsv | java TimeOracle.java > new      adds the answers
//   java TimeOracle.java 4711 2000 > cases                      makes random lines, from a seed
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.*;

public class TimeOracle {
    static final String[] PIECES = {"G", "y", "yy", "yyyy", "Y", "YY", "YYYY", "M", "MM", "MMM", "MMMM", "L", "LLL", "w", "ww", "W", "D",
        "DDD", "d", "dd", "F", "E", "EEEE", "u", "a", "H", "HH", "k", "kk", "K", "h", "hh", "m", "mm", "s", "ss", "S", "SSS",
        "SSSSSS", "z", "zzzz", "Z", "X", "XX", "XXX"};
    static final String[] LITERALS = {"", "", "-", " ", ":", "'T'", "''", "/", ".", "' at '"};
    static final String[] USUAL = {"yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "yyyyMMdd", "yyyyMMddHHmmssSSS", "dd/MM/yy hh:mm a",
        "EEE, d MMM yyyy HH:mm:ss Z", "YYYY-'W'ww-u", "yyyy-DDD", "yyyy MM W E", "yyyy MM F E", "yyyy w u", "yyMMdd", "G yyyy MMM d", "D HH:mm"};

    static SimpleDateFormat format(String pattern) {
        SimpleDateFormat f = new SimpleDateFormat(pattern, Locale.US);
        f.setTimeZone(TimeZone.getTimeZone("UTC"));
        f.set2DigitYearStart(new Date(-743083200000L));
        return f;
    }

    static String answer(String[] part) {
        try {
            if (part[0].equals("W"))
                return format(part[1]).format(new Date(Long.parseLong(part[2])));
            return String.valueOf(format(part[1]).parse(part[2]).getTime());
        } catch (Exception e) {
            return "ERR";
        }
    }

    static long instant(Random r) {
        switch (r.nextInt(6)) {
        case 0: return r.nextLong();
        case 1: return -12219292800000L + (r.nextLong() % (400 * 86400000L));
        case 2: return -62135769600000L + (r.nextLong() % (4000L * 86400000L));
        case 3: return r.nextInt(100000);
        default: return r.nextLong() % 9000000000000L;
        }
    }

    static String mutated(Random r, String text) {
        StringBuilder b = new StringBuilder(text);
        String in = "0123456789- :/+EPZaGM.";
        for (int n = r.nextInt(3); n > 0 && b.length() > 0; n--) {
            int at = r.nextInt(b.length());
            if (r.nextInt(3) == 0)
                b.deleteCharAt(at);
            else if (r.nextBoolean())
                b.setCharAt(at, in.charAt(r.nextInt(in.length())));
            else
                b.insert(at, in.charAt(r.nextInt(in.length())));
        }
        return b.toString();
    }

    static void random(long seed, int count) {
        Random r = new Random(seed);
        System.err.println("seed " + seed);
        for (int i = 0; i < count; i++) {
            StringBuilder pattern = new StringBuilder();
            if (r.nextInt(3) == 0)
                pattern.append(USUAL[r.nextInt(USUAL.length)]);
            else
                for (int n = 1 + r.nextInt(7); n > 0; n--)
                    pattern.append(PIECES[r.nextInt(PIECES.length)]).append(LITERALS[r.nextInt(LITERALS.length)]);
            String p = pattern.toString();
            long at = instant(r);
            if (p.contains("Y") && (p.contains("y") || at < -62135769600000L)) // both kinds of year, week years before Christ: no
                continue;
            String text = answer(new String[] {"W", p, String.valueOf(at)});
            if (r.nextInt(3) == 0)
                System.out.println("W\t" + p + "\t" + at);
            else
                System.out.println("R\t" + p + "\t" + mutated(r, text));
        }
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new PrintStream(System.out, true, StandardCharsets.UTF_8));
        if (args.length == 2) {
            random(Long.parseLong(args[0]), Integer.parseInt(args[1]));
            return;
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;)
            System.out.println(line + "\t" + answer(line.split("\t", -1)));
    }
}
