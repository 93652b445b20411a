# SPDX-License-Identifier: Apache-2.0
"""Random path formats, time zones and instants through connectors/s3 (tests/support/s3_paths.c) and through Joda-Time (Oracle.java),
answer by answer; and the same for scheduled rotation and for times in text fields. The seed is printed.

Instants lie round changes of the zone's offset, in gaps and overlaps, before 1970, and far away. What Joda's own copy of the time zone
database knows otherwise than the system's can't agree: zones and times in which Joda's offsets differ from zoneinfo's are left out, by
asking both sides for the offsets round the instant, and are counted. What we refuse by design (names of zones, texts of other locales) is not
drawn, nor is ZZZ for a zone's old name, which Joda replaces by the new one (US/Pacific, GMT).
"""
import argparse
import datetime
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import zoneinfo

HERE = pathlib.Path(__file__).resolve().parent
LETTERS = "GCxweEyYDMdaKhHkmsSZ"
ZONES = ("UTC Europe/Berlin Europe/London Europe/Lisbon Europe/Moscow Europe/Dublin America/New_York America/Los_Angeles America/St_Johns America/Goose_Bay "
         "America/Sao_Paulo America/Havana America/Santiago America/Asuncion America/Caracas Asia/Tokyo Asia/Kolkata Asia/Kathmandu Asia/Tehran "
         "Asia/Beirut Asia/Amman Asia/Singapore Asia/Dhaka Africa/Cairo Africa/Casablanca Africa/Monrovia Australia/Sydney Australia/Lord_Howe "
         "Australia/Adelaide Pacific/Auckland Pacific/Chatham Pacific/Apia Pacific/Kiritimati Pacific/Honolulu Antarctica/Troll Atlantic/Azores "
         "US/Pacific EST5EDT CET Etc/GMT+5 GMT GMT0 Africa/Abidjan").split()
OLD = ("US/Pacific", "GMT", "GMT0")
OFFSETS = "+05:30 -08:00 +0530 -11 +00:00 GMT+03 UTC-09:30 UT+00 +23:59 -23:00 +01:02:03".split()
LOCALES = "en de fr es it nl pt en-US en_GB de-DE EN Fr root".split()
DURATIONS = [1, 7, 1000, 60000, 900000, 1800000, 3600000, 3600000, 7200000, 10800000, 21600000, 43200000, 86400000, 86400000, 86400000,
             5400000, 604800000, 100000000, 31536000000, 2592000000, 12345678]
DAY = 86400000


def pattern(rng):
    """Letters that print numbers or texts, 1 to 6 of each, with delimiters and quoted texts between them."""
    if rng.random() < 0.2:
        return rng.choice(["'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "'dt'=YYYY-MM-dd/'hr'=HH", "YYYY/MM/dd", "xxxx-'W'ww-e", "yyyyMMddHHmmss",
                           "'date'=yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "EEEE, d MMMM yyyy G", "h:mm a", "''yy''", "'o''clock' hh", "ZZZ/YYYY"])
    parts = []
    for _ in range(rng.randint(1, 6)):
        letter = rng.choice(LETTERS)
        parts.append(letter * (rng.choice([1, 1, 2, 2, 3, 4, 5, 6, 9, 18, 20]) if letter != "Z" else rng.randint(1, 3)))
        parts.append(rng.choice(["", "/", "-", "=", "'T'", " ", "''", "'x=y'/", "é", "'unb''al'", "_", "."]))
    return "".join(parts).strip("/ ") or "YYYY"


def zone_names(rng):
    """z, where the tz database has the name that Java has, and after the years of war."""
    zone = rng.choice(["Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney",
                       "Pacific/Auckland", "UTC", "+05:30", "Africa/Johannesburg"])
    return f"P\t{zone}\t{rng.choice(['en', 'en-US'])}\t1\t{rng.choice(['z', 'zz', 'zzz'])}/YYYY\t{rng.randint(978307200000, 4102444800000)}"


def around_changes(rng, zone):
    """An instant near a change of the zone's offset, or near a local midnight."""
    year = rng.choice([1971, 1980, 1985, 1999, 2005, 2011, 2016, 2018, 2024, 2025, 2026, 2026, 2027, 2038, 2100])
    start = int(datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
    info = zoneinfo.ZoneInfo(zone)
    offset = lambda s: info.utcoffset(datetime.datetime.fromtimestamp(s, datetime.timezone.utc))  # noqa: E731
    changes = [d for d in range(start, start + 366 * 86400, 86400) if offset(d) != offset(d + 86400)]
    if changes:
        low = rng.choice(changes)
        high = low + 86400
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        return high * 1000 + rng.choice([0, -1, 1, rng.randint(-3 * 3600000, 3 * 3600000), rng.randint(-DAY, DAY)])
    return start * 1000 + rng.randint(0, 365) * DAY + rng.randint(-DAY, DAY)


def instant(rng, zone):
    kind = rng.random()
    if kind < 0.35 and zone in ZONES:
        return around_changes(rng, zone)
    if kind < 0.6:
        return rng.randint(0, 4102444800000)
    if kind < 0.75:
        return rng.choice([0, -1, 1, -DAY, DAY - 1, -3600000, rng.randint(-2 * DAY, 2 * DAY), rng.randint(-2000000000000, 0)])
    if kind < 0.9:
        return rng.randint(1700000000000, 1900000000000)
    return rng.choice([1, -1]) * rng.randint(0, 10 ** rng.randint(13, 16))


def digits(rng, least, most):
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(least, most)))


def text(rng):
    """Something like ISO 8601; half of it is none."""
    if rng.random() < 0.1:
        return rng.choice(["", "T", "-", "Z", "now", "2024-02-30", "2023-02-29", "2024-366", "2023-366", "2020-W53-7", "2021-W53", "10:00", "T10",
                           "T10:00Z", "2024-01-01T24:00", "2024-01-01 10:00", "2024-01-01T", "2024-01-01TZ", "20240101", "2024-1-1", "+2024",
                           "-2024-01-01", "2024-01-01T10:00:60", "99999-01-01", "2024-01-01t10:00z", "292278993-01-01", "-292275053-12-31", "999999999-01-01", "12345678901234567890",
                           "9223372036854775807", "9223372036854775808", "-9223372036854775809", "000000000000000000001", "2024-01-01T1.5",
                           "2024-W1", "2024-w01-1", "2024-01-01T10:5.5", "2024-00-01", "2024-12-00", "2024-W00", "2024-000", "--5", "+-5"])
    if rng.random() < 0.1:
        return rng.choice(["", "-"]) + digits(rng, 1, 21)
    out = rng.choice(["", "", "", "-", "+"]) + (digits(rng, 4, 4) if rng.random() < 0.9 else digits(rng, 1, 10))
    out += rng.choice(["", "-%d" % rng.randint(0, 13), "-%02d-%02d" % (rng.randint(1, 12), rng.randint(1, 31)),
                       "-%02d-%02d" % (rng.randint(1, 12), rng.randint(1, 31)), "-%d-%d" % (rng.randint(1, 12), rng.randint(1, 31)),
                       "-%03d" % rng.randint(0, 367), "-W%02d" % rng.randint(0, 54), "-W%02d-%d" % (rng.randint(1, 53), rng.randint(0, 8))])
    if rng.random() < 0.7:
        out += rng.choice("TTTTTTt ")
        out += rng.choice(["", "%02d", "%02d:%02d", "%02d:%02d:%02d", "%02d:%02d:%02d", "%d:%d:%d"]).replace("%02d", "\0").replace("%d", "\1")
        while "\0" in out or "\1" in out:
            at = min(i for i in (out.find("\0"), out.find("\1")) if i >= 0)
            n = rng.randint(0, 23) if rng.random() < 0.97 else rng.randint(24, 99)
            out = out[:at] + (f"{n:02d}" if out[at] == "\0" else str(n)) + out[at + 1:]
        if rng.random() < 0.4:
            out += rng.choice(".,.") + digits(rng, 0, 10)
        if rng.random() < 0.6:
            out += rng.choice(["Z", "z", "+02:00", "-0530", "+14", "-00:00", "+1:00", "+24:00", "+05:60", "+01:02:03", "+01:02:03.4",
                               "-010203004", "+01:02:03,456", "+0102:03", "+01:", "+", " Z", "Europe/Berlin"])
    return out


def cases(rng, count):
    for _ in range(count):
        zone = rng.choice(ZONES) if rng.random() < 0.85 else rng.choice(OFFSETS)
        path = pattern(rng)
        if zone in OLD and "ZZZ" in path:
            zone = "UTC"
        yield f"P\t{zone}\t{rng.choice(LOCALES)}\t{rng.choice(DURATIONS)}\t{path}\t{instant(rng, zone)}"
    for _ in range(count // 20):
        yield zone_names(rng)
    for _ in range(count // 5):
        zone = rng.choice(ZONES)
        now = around_changes(rng, zone) if rng.random() < 0.7 else rng.randint(0, 4102444800000)
        yield f"S\t{zone}\t{rng.choice(DURATIONS)}\t{now}"
    for _ in range(count // 2):
        yield f"T\t{text(rng)}"


def java(lines, work):
    cache = pathlib.Path(os.environ["SLUICE_S3PROXY"])
    jars = sorted(cache.glob("joda-time-*.jar"))
    if not jars:
        sys.exit(f"there is no Joda-Time in {cache}, where the test's S3 server brings it along: tests/setup")
    path = ":".join(map(str, jars))
    subprocess.run(["javac", "-proc:none", "-nowarn", "-cp", path, "-d", work, HERE / "Oracle.java"], check=True)
    return answers(["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-Duser.language=en",
                    "-Dfile.encoding=UTF-8", "-cp", f"{work}:{path}", "Oracle"], lines)


def answers(command, lines):
    done = subprocess.run(command, input="".join(x + "\n" for x in lines).encode(), stdout=subprocess.PIPE, check=True)
    got = done.stdout.decode().split("\n")[:-1]
    if len(got) != len(lines):
        sys.exit(f"{command[0]} gave {len(got)} answers to {len(lines)} lines")
    return got


def span(line):
    """The instants whose offsets decide an answer: hour by hour round it and round where its bucket starts."""
    f = line.split("\t")
    at = int(f[5] if f[0] == "P" else f[3])
    start = at - at % int(f[3]) if f[0] == "P" else at
    return f[1], [middle + hour * 3600000 for middle in {at, start} for hour in range(-30, 31)]


def same_database(lines, ours, theirs, tool, work):
    """Of the lines that differ, those where both sides give the same offsets round the instant."""
    differ = [i for i in range(len(lines)) if ours[i] != theirs[i]]
    probes, owner = [], []
    for i in differ:
        if lines[i][0] != "T":
            zone, instants = span(lines[i])
            probes += [f"P\t{zone}\ten\t1\tZZ\t{at}" for at in instants]
            owner += [i] * len(instants)
    if not probes:
        return differ, [], 0
    other = {i for i, a, b in zip(owner, answers([tool], probes), java(probes, work)) if a != b}
    return [i for i in differ if i not in other], sorted({span(lines[i])[0] for i in other}), len(other)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", help="the program s3_paths of the build")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10 ** 9))
    parser.add_argument("--count", type=int, default=8000, help="how many path formats")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    lines = list(cases(random.Random(args.seed), args.count))
    with tempfile.TemporaryDirectory() as work:
        ours, theirs = answers([args.tool], lines), java(lines, work)
        # Both may refuse, in other words.
        ours = [theirs[i] if ours[i][:1] == theirs[i][:1] == "!" else ours[i] for i in range(len(lines))]
        # A rotation that is due is not the next one: Joda says so for the hour before midnight when it comes twice.
        for i, now in ((i, int(x.split("\t")[3])) for i, x in enumerate(lines) if x[0] == "S"):
            if int(theirs[i]) <= now < int(ours[i]):
                ours[i] = theirs[i]
        wrong, zones, other = same_database(lines, ours, theirs, args.tool, work)
    for i in wrong[:40]:
        print(f"{lines[i]!r}\n  ours {ours[i]!r}\n  Joda {theirs[i]!r}")
    refused = sum(a.startswith("!") for a in theirs)
    print(f"{len(lines)} cases, {len(wrong)} differ; {refused} refused by both; in {other} the two time zone databases differ: {' '.join(zones)}")
    if other > len(lines) // 50 or wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
