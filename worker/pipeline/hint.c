/* SPDX-License-Identifier: Apache-2.0 */
/* See hint.h. A name is near when few letters must change: at most a third of them. */
#include "pipeline/hint.h"
#include <ctype.h>
#include <string.h>

#define LONGEST 64

struct search {
        const char *given; /* simple name */
        const char *class;
        size_t distance;
};

static const char *simple(const char *class)
{
        const char *dot = strrchr(class, '.');
        return dot ? dot + 1 : class;
}

/* How many letters must be put in, taken away or changed. */
static size_t distance(const char *a, const char *b)
{
        size_t row[LONGEST + 1], n = strlen(a), m = strlen(b);
        if (n > LONGEST || m > LONGEST)
                return SIZE_MAX;
        for (size_t j = 0; j <= m; j++)
                row[j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        size_t change =
                                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
                        size_t one = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
                        diagonal = row[j];
                        row[j] = change < one ? change : one;
                }
        }
        return row[m];
}

static void consider(struct search *s, const char *name, const char *const *aliases)
{
        for (size_t i = 0; aliases && aliases[i]; i++) {
                size_t d = distance(s->given, simple(aliases[i]));
                if (d < s->distance) {
                        s->distance = d;
                        s->class = aliases[i];
                }
        }
        size_t d = distance(s->given, name);
        if (d < s->distance) {
                s->distance = d;
                s->class = aliases && aliases[0] ? aliases[0] : name;
        }
}

void sl_hint_add(const struct sl_plugins *pl, enum sl_hint_kind kind, const char *given, struct sl_buf *out)
{
        struct search s = {.given = simple(given)};
        s.distance = strlen(s.given) / 3 + 1;
        for (size_t i = 0; kind == SL_HINT_CONNECTOR && pl->sources[i]; i++)
                consider(&s, pl->sources[i]->name, pl->sources[i]->aliases);
        for (size_t i = 0; kind == SL_HINT_CONNECTOR && pl->sinks[i]; i++)
                consider(&s, pl->sinks[i]->name, pl->sinks[i]->aliases);
        for (size_t i = 0; kind == SL_HINT_CONVERTER && pl->converters[i]; i++)
                consider(&s, pl->converters[i]->name, pl->converters[i]->aliases);
        for (size_t i = 0; kind == SL_HINT_TRANSFORM && pl->transforms[i]; i++)
                consider(&s, pl->transforms[i]->name, pl->transforms[i]->aliases);
        for (size_t i = 0; kind == SL_HINT_PREDICATE && pl->predicates && pl->predicates[i]; i++)
                consider(&s, pl->predicates[i]->name, pl->predicates[i]->aliases);
        sl_buf_adds(out, " Sluice has no such class");
        if (s.class)
                sl_buf_printf(out, "; the nearest it has is %s", s.class);
        if (kind == SL_HINT_CONNECTOR || kind == SL_HINT_CONVERTER)
                sl_buf_adds(out, ". Java classes can't be loaded: see docs/migration.md.");
        else if (kind == SL_HINT_TRANSFORM)
                sl_buf_adds(out, ". What no built-in one does can be written as a sluice.transforms.Lua hook: see "
                                 "docs/hooks.md.");
        else
                sl_buf_adds(out,
                            ". Such a condition can be written in a sluice.transforms.Lua hook: see docs/hooks.md.");
}
