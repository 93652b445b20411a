// SPDX-License-Identifier: Apache-2.0
// Dead letters by Spring Cloud Stream's Kafka binder (enableDlq): a function that throws the exceptions of Failures.java, and one that
// gets no Order from its messages. Arguments: bootstrap servers, prefix of the topics; from the topics -app-in and -json-in to -app and -json.

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.messaging.Message;

@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class CloudStream {
    static final List<Failures.Failure> FAILURES = Failures.all();

    @SuppressWarnings("unchecked")
    static <T extends Throwable> void sneak(Throwable e) throws T { throw (T) e; }

    @Bean
    public Consumer<Message<byte[]>> app() { // keys k<number> fail, others pass
        return message -> {
            String key = new String((byte[]) message.getHeaders().get(KafkaHeaders.RECEIVED_KEY));
            if (key.startsWith("k"))
                sneak(FAILURES.get(Integer.parseInt(key.substring(1))).error());
        };
    }

    @Bean
    public Consumer<Failures.Order> json() {
        return order -> { };
    }

    static void binding(List<String> all, String topics, String name) {
        String at = "--spring.cloud.stream.bindings." + name + "-in-0.", kafka = "--spring.cloud.stream.kafka.bindings." + name + "-in-0.consumer.";
        all.add(at + "destination=" + topics + "-" + name + "-in");
        all.add(at + "group=" + topics + "-" + name);
        all.add(at + "consumer.max-attempts=1");
        all.add(kafka + "enable-dlq=true");
        all.add(kafka + "dlq-name=" + topics + "-" + name);
    }

    public static void main(String[] args) throws Exception {
        var all = new ArrayList<String>(List.of("--spring.cloud.stream.kafka.binder.brokers=" + args[0], "--spring.main.web-application-type=none",
                "--spring.cloud.function.definition=app;json", "--spring.main.banner-mode=off"));
        binding(all, args[1], "app");
        binding(all, args[1], "json");
        var context = SpringApplication.run(CloudStream.class, all.toArray(new String[0]));
        System.in.read(); // until the caller has seen the letters
        context.close();
    }
}
