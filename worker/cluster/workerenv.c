/* SPDX-License-Identifier: Apache-2.0 */
/* Worker keys from environment variables, with the names that Java images of Kafka Connect gave them: CONNECT_* as in
 * Confluent's and Debezium's, and, where Debezium's image is meant beyond doubt, its short names. Reads no file. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cluster/workercfg.h"

bool sl_worker_env_key(const char *variable, struct sl_buf *out)
{
        static const char prefix[] = "CONNECT_";
        /* Kubernetes makes CONNECT_PORT_8083_TCP and the like for a service called connect; log4j and JVM settings of
         * the Java images are not worker keys. */
        static const char *const foreign[] = {"PORT", "SERVICE_", "LOG4J", "TOOLS_LOG4J", "PLUGIN_PATH"};
        if (strncmp(variable, prefix, sizeof(prefix) - 1) != 0)
                return false;
        const char *p = variable + sizeof(prefix) - 1;
        if (!*p)
                return false;
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
                if (strncmp(p, foreign[i], strlen(foreign[i])) == 0)
                        return false;
        while (*p) {
                size_t n = strspn(p, "_");
                if (n == 0) {
                        sl_buf_addc(out, (char)tolower((unsigned char)*p++));
                } else {
                        sl_buf_addc(out, n == 1 ? '.' : n == 2 ? '_' : '-');
                        p += n;
                }
        }
        return true;
}

/* Debezium's image: what it reads, and what it has when a variable is missing. */
static const struct {
        const char *variable, *key, *def;
} short_names[] = {
        {"BOOTSTRAP_SERVERS", "bootstrap.servers", NULL},
        {"GROUP_ID", "group.id", "1"},
        {"CONFIG_STORAGE_TOPIC", "config.storage.topic", NULL},
        {"OFFSET_STORAGE_TOPIC", "offset.storage.topic", NULL},
        {"STATUS_STORAGE_TOPIC", "status.storage.topic", "connect-status"},
        {"KEY_CONVERTER", "key.converter", NULL},
        {"VALUE_CONVERTER", "value.converter", NULL},
        {"ADVERTISED_HOST_NAME", "rest.advertised.host.name", NULL},
        {"ADVERTISED_PORT", "rest.advertised.port", NULL},
        {"OFFSET_FLUSH_INTERVAL_MS", "offset.flush.interval.ms", NULL},
        {"SHUTDOWN_TIMEOUT", "task.shutdown.graceful.timeout.ms", NULL},
        {NULL, "config.storage.replication.factor", "-1"}, /* there 1; the broker's default suits one broker too */
        {NULL, "offset.storage.replication.factor", "-1"},
        {NULL, "status.storage.replication.factor", "-1"},
};

static const char *variable(char *const *env, const char *name)
{
        size_t n = strlen(name);
        for (char *const *e = env; e && *e; e++)
                if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
                        return (*e)[n + 1] ? *e + n + 1 : NULL;
        return NULL;
}

/* GROUP_ID alone may be anybody's: the two topics together are what only that image is given. */
static void read_short_names(char *const *env, struct sl_props *out)
{
        if (!variable(env, "CONFIG_STORAGE_TOPIC") || !variable(env, "OFFSET_STORAGE_TOPIC"))
                return;
        for (size_t i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++) {
                const char *name = short_names[i].variable, *key = short_names[i].key;
                const char *value = name ? variable(env, name) : NULL;
                if (value)
                        sl_info("%s comes from the environment variable %s, as in Debezium's image", key, name);
                else if (!sl_props_get(out, key))
                        value = short_names[i].def;
                if (value)
                        sl_props_set(out, key, value);
        }
}

void sl_worker_env_read(char *const *env, struct sl_props *out)
{
        read_short_names(env, out);
        for (char *const *e = env; e && *e; e++) {
                const char *eq = strchr(*e, '=');
                struct sl_buf key = {0};
                char *name = eq ? sl_strndup(*e, (size_t)(eq - *e)) : NULL;
                if (name && sl_worker_env_key(name, &key))
                        sl_props_set(out, sl_buf_cstr(&key), eq + 1);
                free(name);
                sl_buf_free(&key);
        }
}
