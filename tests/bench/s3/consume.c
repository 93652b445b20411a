/* SPDX-License-Identifier: Apache-2.0 */
/* The ceiling in tests/bench/run s3: a topic read as fast as librdkafka gives it away, and dropped. One thread beside librdkafka's own, in
 * batches, nothing decoded.
 *   bench_consume BOOTSTRAP TOPIC PARTITIONS RECORDS QUEUE_KB     ends after that many records
 * Prints {"records":...,"bytes":...,"seconds":...,"cpu":...}: from before the client is made to the last record. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 4096

static double now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what)
{
        fprintf(stderr, "bench_consume: %s\n", what);
        exit(1);
}

static rd_kafka_t *client(const char *bootstrap, const char *queue_kb)
{
        char why[512];
        const char *settings[][2] = {{"bootstrap.servers", bootstrap},
                                     {"group.id", "bench-consume"},
                                     {"enable.auto.commit", "false"},
                                     {"isolation.level", "read_committed"},
                                     {"fetch.queue.backoff.ms", "10"},
                                     {"queued.max.messages.kbytes", queue_kb}};
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
                if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
                        die(why);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        if (!rk)
                die(why);
        return rk;
}

int main(int argc, char **argv)
{
        static rd_kafka_message_t *messages[BATCH];
        if (argc != 6)
                die("usage: bench_consume BOOTSTRAP TOPIC PARTITIONS RECORDS QUEUE_KB");
        int partitions = atoi(argv[3]);
        long long wanted = atoll(argv[4]), records = 0, bytes = 0;
        double began = now();
        rd_kafka_t *rk = client(argv[1], argv[5]);
        rd_kafka_poll_set_consumer(rk);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int p = 0; p < partitions; p++)
                rd_kafka_topic_partition_list_add(list, argv[2], p)->offset = 0;
        if (rd_kafka_assign(rk, list))
                die("the partitions can't be assigned");
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
        /* A batch that does not get full is given out when the time is up. */
        for (int idle = 0; records < wanted;) {
                ssize_t n = rd_kafka_consume_batch_queue(queue, 20, messages, BATCH);
                idle = n > 0 ? 0 : idle + 1;
                if (n < 0 || idle > 500)
                        die("no records within ten seconds");
                for (ssize_t i = 0; i < n; i++) {
                        if (messages[i]->err)
                                die(rd_kafka_message_errstr(messages[i]));
                        bytes += (long long)messages[i]->len;
                        rd_kafka_message_destroy(messages[i]);
                }
                records += n;
        }
        double seconds = now() - began;
        printf("{\"records\":%lld,\"bytes\":%lld,\"seconds\":%.3f,\"cpu\":%.3f}\n", records, bytes, seconds, cpu());
        rd_kafka_queue_destroy(queue);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        return 0;
}
