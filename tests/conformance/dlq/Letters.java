// SPDX-License-Identifier: Apache-2.0
// Dead letters by the libraries that write them: Spring Kafka's DeadLetterPublishingRecoverer about the exceptions of Failures.java, and
// Kafka Streams' own dead-letter queue. Arguments: spring or streams, bootstrap servers, topic.

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.ListenerExecutionFailedException;

public class Letters {
    static void spring(String bootstrap, String topic) throws Exception {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "key.serializer", ByteArraySerializer.class, "value.serializer", ByteArraySerializer.class));
        var factory = new DefaultKafkaProducerFactory<Object, Object>(config);
        var recoverer = new DeadLetterPublishingRecoverer(new KafkaTemplate<>(factory), (r, e) -> new org.apache.kafka.common.TopicPartition(topic, 0));
        int i = 0;
        for (var failure : Failures.all()) {
            var record = new ConsumerRecord<>("orders", 5, (1L << 33) + i, Failures.utf8("k" + i), failure.value());
            recoverer.accept(record, null, new ListenerExecutionFailedException("Listener failed", "billing", failure.error()));
            i++;
        }
        factory.destroy();
    }

    static void streams(String bootstrap, String topic) throws Exception {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, "letters-" + UUID.randomUUID());
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        p.put("errors.dead.letter.queue.topic.name", topic);
        p.put("deserialization.exception.handler", "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler");
        p.put("auto.offset.reset", "earliest");
        p.put("commit.interval.ms", 200);
        StreamsBuilder b = new StreamsBuilder();
        b.stream(topic + "-in", org.apache.kafka.streams.kstream.Consumed.with(Serdes.ByteArray(), Serdes.Long())).foreach((k, v) -> { });
        try (KafkaStreams s = new KafkaStreams(b.build(), p)) {
            s.start();
            System.in.read(); // until the caller has seen the letters
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("spring"))
            spring(args[1], args[2]);
        else
            streams(args[1], args[2]);
    }
}
