// SPDX-License-Identifier: Apache-2.0
// Dead letters by SmallRye Reactive Messaging, as Quarkus applications write them: messages refused with the exceptions of Failures.java
// (failure-strategy dead-letter-queue), bytes that the deserialiser can't read, and messages that go through two retry topics and fail there
// with another exception each time. Arguments: bootstrap servers, prefix of the topics; from -app-in, -bytes-in and -retry-in to -app, -bytes
// and -retry.

import io.smallrye.reactive.messaging.kafka.api.IncomingKafkaRecordMetadata;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.se.SeContainerInitializer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.eclipse.microprofile.reactive.messaging.Message;

@ApplicationScoped
public class SmallRye {
    static final List<Failures.Failure> FAILURES = Failures.all();

    static final Map<Integer, Integer> ATTEMPTS = new ConcurrentHashMap<>();

    // Quarkus calls methods without reflection: what they throw arrives as it is here. Keys k<number> fail, others pass.
    static CompletionStage<Void> refuse(Message<byte[]> message, boolean next) {
        String key = new String((byte[]) message.getMetadata(IncomingKafkaRecordMetadata.class).get().getKey());
        if (!key.startsWith("k"))
            return message.ack();
        int number = Integer.parseInt(key.substring(1)), attempt = next ? ATTEMPTS.merge(number, 1, Integer::sum) - 1 : 0;
        return message.nack(FAILURES.get((number + attempt) % FAILURES.size()).error());
    }

    @Incoming("app")
    public CompletionStage<Void> app(Message<byte[]> message) {
        return refuse(message, false);
    }

    @Incoming("retry")
    public CompletionStage<Void> retry(Message<byte[]> message) {
        return refuse(message, true);
    }

    @Incoming("bytes")
    public void bytes(Long value) {
    }

    static void channel(String topics, String name, String... more) {
        String at = "mp.messaging.incoming." + name + ".";
        System.setProperty(at + "connector", "smallrye-kafka");
        System.setProperty(at + "topic", topics + "-" + name + "-in");
        System.setProperty(at + "auto.offset.reset", "earliest");
        System.setProperty(at + "group.id", topics + "-" + name);
        System.setProperty(at + "key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        System.setProperty(at + "value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        System.setProperty(at + "failure-strategy", "dead-letter-queue");
        System.setProperty(at + "dead-letter-queue.topic", topics + "-" + name);
        for (int i = 0; i < more.length; i += 2)
            System.setProperty(at + more[i], more[i + 1]);
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("kafka.bootstrap.servers", args[0]);
        channel(args[1], "app");
        channel(args[1], "bytes", "value.deserializer", "org.apache.kafka.common.serialization.LongDeserializer",
                "fail-on-deserialization-failure", "false");
        channel(args[1], "retry", "failure-strategy", "delayed-retry-topic",
                "delayed-retry-topic.topics", args[1] + "-retry_100," + args[1] + "-retry_200");
        try (var container = SeContainerInitializer.newInstance().initialize()) {
            System.in.read(); // until the caller has seen the letters
        }
    }
}
