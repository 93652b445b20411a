/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of jemalloc, which the program is linked with (not under sanitizers). A row costs libpq one allocation and librdkafka one,
 * and six more for Debezium's four headers; they are made by the task's thread and freed by librdkafka's. glibc's malloc is slow at that
 * (docs/performance.md). Two arenas and a short decay keep the resident size near what is in use. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:2,dirty_decay_ms:250,muzzy_decay_ms:0,lg_tcache_max:12";
