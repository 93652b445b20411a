/* SPDX-License-Identifier: Apache-2.0 */
/* What exception classes say. Java's mostly, by their simple names; a row with a package is for names that mean different things in
 * different packages. What is in no row is an application's own: the words in its name are a hint. */
#include <pthread.h>
#include "dlq/internal.h"

#define D SL_DESERIALIZATION
#define S SL_SCHEMA
#define B SL_BUSINESS
#define T SL_TRANSIENT
#define U SL_UNKNOWN
#define VERDICT SL_DLQ_CLASS_VERDICT
#define TEXT SL_DLQ_CLASS_TEXT
#define VALUE SL_DLQ_CLASS_VALUE
#define WRAPPER SL_DLQ_CLASS_WRAPPER

static const struct row {
        const char *name;
        uint8_t kind, class, confidence;
        const char *code;
        const char *package; /* the full name begins with it; NULL = any */
} rows[] = {
        /* They say nothing by themselves. */
        {"ListenerExecutionFailedException", WRAPPER, U, 0, "", NULL},
        {"KafkaException", TEXT, U, 0, "", NULL},
        {"KafkaListenerException", WRAPPER, U, 0, "", NULL},
        {"CompletionException", WRAPPER, U, 0, "", NULL},
        {"ExecutionException", WRAPPER, U, 0, "", NULL},
        {"InvocationTargetException", WRAPPER, U, 0, "", NULL},
        {"UndeclaredThrowableException", WRAPPER, U, 0, "", NULL},
        {"StreamsException", TEXT, U, 0, "", NULL},
        {"TaskCorruptedException", VERDICT, T, 80, "task", NULL},
        {"TaskMigratedException", VERDICT, T, 80, "task", NULL},
        {"RuntimeException", TEXT, U, 0, "", NULL},
        {"Exception", TEXT, U, 0, "", NULL},
        {"Error", TEXT, U, 0, "", NULL},
        {"ProcessorStateException", WRAPPER, U, 0, "", NULL},
        {"TimestampedKafkaException", WRAPPER, U, 0, "", NULL},
        {"MessagingException", TEXT, U, 0, "", NULL},
        {"MessageHandlingException", TEXT, U, 0, "", NULL},
        {"MessageDeliveryException", TEXT, T, 50, "target", NULL},
        {"BatchListenerFailedException", WRAPPER, U, 0, "", NULL},
        {"ConnectException", TEXT, U, 0, "", "org.apache.kafka.connect."},
        {"IOException", TEXT, T, 45, "io", NULL},
        {"UncheckedIOException", TEXT, T, 45, "io", NULL},

        /* Connect. */
        {"RetriableException", TEXT, T, 90, "retriable", NULL},
        {"DataException", TEXT, S, 70, "value", NULL},
        {"SchemaProjectorException", VERDICT, S, 95, "projection", NULL},
        {"SchemaBuilderException", VERDICT, S, 90, "schema", NULL},
        {"IllegalWorkerStateException", VERDICT, U, 60, "worker", NULL},
        {"AlreadyExistsException", VERDICT, U, 50, "exists", "org.apache.kafka.connect."},
        {"NotFoundException", VERDICT, U, 50, "not.found", "org.apache.kafka.connect."},
        {"ConfigException", VERDICT, U, 60, "target_config", "org.apache.kafka."},

        /* Bytes that can't be read. */
        {"SerializationException", TEXT, D, 80, "bytes", NULL},
        {"DeserializationException", TEXT, D, 75, "bytes", NULL},
        {"RecordDeserializationException", TEXT, D, 80, "bytes", NULL},
        {"JsonParseException", VERDICT, D, 95, "json", NULL},
        {"JsonEOFException", VERDICT, D, 95, "json", NULL},
        {"JsonSyntaxException", TEXT, D, 85, "json", NULL},
        {"MalformedJsonException", VERDICT, D, 95, "json", NULL},
        {"JSONException", VERDICT, D, 75, "json", NULL},
        {"JsonParsingException", VERDICT, D, 90, "json", NULL},
        {"JsonProcessingException", TEXT, D, 70, "json", NULL},
        {"StreamReadException", VERDICT, D, 90, "json", NULL},
        {"StreamConstraintsException", VERDICT, D, 85, "too.deep", NULL},
        {"JSONDecodeError", VERDICT, D, 95, "json", NULL},
        {"UnicodeDecodeError", VERDICT, D, 90, "bytes", NULL},
        {"InvalidProtocolBufferException", VERDICT, D, 95, "protobuf", NULL},
        {"InvalidWireTypeException", VERDICT, D, 95, "protobuf", NULL},
        {"DecodeError", VERDICT, D, 85, "bytes", NULL},
        {"MalformedInputException", VERDICT, D, 90, "bytes", NULL},
        {"CharConversionException", VERDICT, D, 90, "bytes", NULL},
        {"UnmappableCharacterException", VERDICT, D, 80, "bytes", NULL},
        {"BufferUnderflowException", VERDICT, D, 85, "corrupt", NULL},
        {"InvalidNumberEncodingException", VERDICT, D, 90, "corrupt", NULL},
        {"SystemLimitException", VERDICT, D, 85, "corrupt", NULL},
        {"StreamCorruptedException", VERDICT, D, 90, "corrupt", NULL},
        {"InvalidClassException", VERDICT, S, 85, "java.class", NULL},
        {"UTFDataFormatException", VERDICT, D, 90, "corrupt", NULL},
        {"ZipException", VERDICT, D, 85, "corrupt", NULL},
        {"DataFormatException", VERDICT, D, 80, "corrupt", NULL},
        {"CorruptRecordException", VERDICT, T, 70, "corrupt", NULL},
        {"SAXParseException", VERDICT, D, 90, "xml", NULL},
        {"XMLStreamException", VERDICT, D, 90, "xml", NULL},
        {"UnmarshalException", VERDICT, D, 80, "xml", NULL},
        {"EOFException", VALUE, D, 80, "corrupt", NULL},
        {"NegativeArraySizeException", VALUE, D, 80, "corrupt", NULL},
        {"ArrayIndexOutOfBoundsException", VALUE, D, 70, "corrupt", NULL},
        {"IndexOutOfBoundsException", VALUE, D, 70, "corrupt", NULL},
        {"StringIndexOutOfBoundsException", VALUE, D, 60, "value", NULL},
        {"IllegalBlockSizeException", VERDICT, D, 75, "encryption", NULL},
        {"BadPaddingException", VERDICT, D, 75, "encryption", NULL},
        {"AEADBadTagException", VERDICT, D, 80, "encryption", NULL},

        /* What was read does not fit. */
        {"AvroTypeException", VERDICT, S, 95, "avro.resolution", NULL},
        {"AvroMissingFieldException", VERDICT, S, 95, "field.missing", NULL},
        {"UnresolvedUnionException", VERDICT, S, 95, "avro.union", NULL},
        {"AvroRuntimeException", TEXT, S, 65, "avro", NULL},
        {"SchemaParseException", VERDICT, S, 90, "schema", NULL},
        {"SchemaValidationException", VERDICT, S, 90, "schema.incompatible", NULL},
        {"IncompatibleSchemaException", VERDICT, S, 95, "schema.incompatible", NULL},
        {"InvalidSchemaException", VERDICT, S, 90, "schema", NULL},
        {"UninitializedMessageException", VERDICT, S, 90, "field.missing", NULL},
        {"JsonMappingException", TEXT, S, 80, "json.shape", NULL},
        {"DatabindException", TEXT, S, 80, "json.shape", NULL},
        {"MismatchedInputException", TEXT, S, 92, "json.shape", NULL},
        {"InvalidFormatException", VERDICT, S, 95, "json.shape", NULL},
        {"UnrecognizedPropertyException", VERDICT, S, 95, "field.unknown", NULL},
        {"IgnoredPropertyException", VERDICT, S, 90, "field.unknown", NULL},
        {"InvalidTypeIdException", VERDICT, S, 90, "json.shape", NULL},
        {"InvalidNullException", VERDICT, S, 90, "field.null", NULL},
        {"InvalidDefinitionException", VERDICT, S, 85, "json.shape", NULL},
        {"PropertyBindingException", VERDICT, S, 90, "field.unknown", NULL},
        {"ValueInstantiationException", TEXT, S, 70, "json.shape", NULL},
        {"InputCoercionException", VERDICT, S, 90, "json.shape", NULL},
        {"JsonbException", VERDICT, S, 75, "json.shape", NULL},
        {"MissingKotlinParameterException", VERDICT, S, 95, "field.missing", NULL},
        {"MissingFieldException", VERDICT, S, 90, "field.missing", NULL},
        {"ClassCastException", TEXT, S, 75, "type", NULL},
        {"NoSuchMethodException", VERDICT, S, 60, "type", NULL},
        {"NoSuchFieldException", VERDICT, S, 60, "type", NULL},
        {"ClassNotFoundException", VERDICT, S, 65, "type", NULL},
        {"NoSuchMethodError", VERDICT, U, 60, "code", NULL},
        {"NoClassDefFoundError", VERDICT, U, 60, "code", NULL},
        {"MessageConversionException", TEXT, D, 60, "bytes", NULL},
        {"ConversionException", TEXT, D, 60, "bytes", NULL},
        {"ConversionFailedException", TEXT, S, 65, "type", NULL},
        {"ConverterNotFoundException", VERDICT, S, 75, "type", NULL},
        {"MethodArgumentResolutionException", VERDICT, S, 75, "type", NULL},
        {"MethodArgumentTypeMismatchException", VERDICT, S, 80, "type", NULL},
        {"ArrayStoreException", VERDICT, S, 60, "type", NULL},
        {"KeyError", VERDICT, S, 75, "field.missing", NULL},
        {"EvolutionException", VERDICT, S, 80, "schema", NULL},
        {"UnsupportedVersionException", VERDICT, S, 60, "version", "org.apache.kafka."},

        /* Rules of the application or of the target. */
        {"ValidationException", VERDICT, B, 85, "validation", NULL},
        {"ConstraintViolationException", TEXT, B, 85, "constraint", NULL},
        {"MethodArgumentNotValidException", VERDICT, B, 90, "validation", NULL},
        {"BindException", VERDICT, B, 70, "validation", "org.springframework."},
        {"IllegalArgumentException", VALUE, B, 60, "value", NULL},
        {"IllegalStateException", VALUE, B, 55, "state", NULL},
        {"NumberFormatException", VALUE, B, 60, "value", NULL},
        {"DateTimeParseException", VALUE, B, 60, "value", NULL},
        {"DateTimeException", VALUE, B, 60, "value", NULL},
        {"ParseException", VALUE, B, 55, "value", NULL},
        {"ArithmeticException", VALUE, B, 55, "value", NULL},
        {"NoSuchElementException", VALUE, B, 55, "value", NULL},
        {"InputMismatchException", VALUE, B, 55, "value", NULL},
        {"UnsupportedOperationException", VALUE, B, 50, "unsupported", NULL},
        {"ValueError", VALUE, B, 60, "value", NULL},
        {"EntityNotFoundException", VERDICT, B, 75, "dependency", NULL},
        {"ObjectNotFoundException", VERDICT, B, 70, "dependency", NULL},
        {"EmptyResultDataAccessException", VERDICT, B, 70, "dependency", NULL},
        {"IncorrectResultSizeDataAccessException", VERDICT, B, 65, "value", NULL},
        {"DuplicateKeyException", VERDICT, B, 90, "duplicate", NULL},
        {"DataIntegrityViolationException", TEXT, B, 80, "constraint", NULL},
        {"SQLIntegrityConstraintViolationException", TEXT, B, 90, "constraint", NULL},
        {"SQLDataException", TEXT, B, 85, "value", NULL},
        {"DataTruncation", VERDICT, B, 90, "value", NULL},
        {"MysqlDataTruncation", VERDICT, B, 90, "value", NULL},
        {"RecordTooLargeException", VERDICT, B, 95, "oversize", NULL},
        {"RecordBatchTooLargeException", VERDICT, B, 90, "oversize", NULL},
        {"PolicyViolationException", VERDICT, B, 85, "rejected", NULL},
        {"InvalidTimestampException", VERDICT, B, 90, "rejected", NULL},
        {"UnsupportedForMessageFormatException", VERDICT, B, 85, "rejected", NULL},
        {"InvalidRecordException", VERDICT, B, 85, "rejected", NULL},
        {"InvalidTopicException", VERDICT, B, 75, "rejected", NULL},
        {"OptimisticLockException", VERDICT, T, 75, "conflict", NULL},
        {"OptimisticLockingFailureException", VERDICT, T, 75, "conflict", NULL},
        {"ObjectOptimisticLockingFailureException", VERDICT, T, 75, "conflict", NULL},
        {"StaleObjectStateException", VERDICT, T, 70, "conflict", NULL},

        /* It may pass. */
        {"TimeoutException", VERDICT, T, 92, "timeout", NULL},
        {"SocketTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"ReadTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"ConnectTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"HttpTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"HttpConnectTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"ApiCallTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"ApiCallAttemptTimeoutException", VERDICT, T, 95, "timeout", NULL},
        {"QueryTimeoutException", VERDICT, T, 90, "timeout", NULL},
        {"SQLTimeoutException", VERDICT, T, 92, "timeout", NULL},
        {"InterruptedIOException", VERDICT, T, 80, "timeout", NULL},
        {"InterruptedException", VERDICT, T, 75, "stopped", NULL},
        {"WakeupException", VERDICT, T, 80, "stopped", NULL},
        {"InterruptException", VERDICT, T, 80, "stopped", NULL},
        {"ConnectException", VERDICT, T, 95, "network", "java.net."},
        {"HttpHostConnectException", VERDICT, T, 95, "network", NULL},
        {"UnknownHostException", VERDICT, T, 90, "network", NULL},
        {"UnresolvedAddressException", VERDICT, T, 90, "network", NULL},
        {"NoRouteToHostException", VERDICT, T, 95, "network", NULL},
        {"PortUnreachableException", VERDICT, T, 90, "network", NULL},
        {"SocketException", VERDICT, T, 92, "network", NULL},
        {"ClosedChannelException", VERDICT, T, 85, "network", NULL},
        {"NoHttpResponseException", VERDICT, T, 95, "network", NULL},
        {"ConnectionClosedException", VERDICT, T, 90, "network", NULL},
        {"ConnectionPoolTimeoutException", VERDICT, T, 90, "timeout", NULL},
        {"PrematureCloseException", VERDICT, T, 90, "network", NULL},
        {"ConnectionRefusedError", VERDICT, T, 95, "network", NULL},
        {"ConnectionResetError", VERDICT, T, 95, "network", NULL},
        {"ConnectionError", VERDICT, T, 90, "network", NULL},
        {"ReadTimeout", VERDICT, T, 95, "timeout", NULL},
        {"ConnectTimeout", VERDICT, T, 95, "timeout", NULL},
        {"TimeoutError", VERDICT, T, 92, "timeout", NULL},
        {"ResourceAccessException", TEXT, T, 88, "network", NULL},
        {"WebClientRequestException", TEXT, T, 88, "network", NULL},
        {"RetryableException", TEXT, T, 85, "retriable", NULL},
        {"RetryException", TEXT, T, 75, "retriable", NULL},
        {"SSLException", TEXT, T, 75, "network", NULL},
        {"SSLHandshakeException", VERDICT, T, 85, "access", NULL},
        {"SSLPeerUnverifiedException", VERDICT, T, 85, "access", NULL},
        {"CallNotPermittedException", VERDICT, T, 92, "circuit.open", NULL},
        {"CircuitBreakerOpenException", VERDICT, T, 92, "circuit.open", NULL},
        {"BulkheadFullException", VERDICT, T, 90, "overload", NULL},
        {"RequestNotPermitted", VERDICT, T, 88, "overload", NULL},
        {"RejectedExecutionException", VERDICT, T, 80, "overload", NULL},
        {"CannotAcquireLockException", VERDICT, T, 90, "lock", NULL},
        {"PessimisticLockingFailureException", VERDICT, T, 88, "lock", NULL},
        {"LockAcquisitionException", VERDICT, T, 88, "lock", NULL},
        {"LockTimeoutException", VERDICT, T, 88, "lock", NULL},
        {"DeadlockLoserDataAccessException", VERDICT, T, 95, "lock", NULL},
        {"CannotSerializeTransactionException", VERDICT, T, 92, "lock", NULL},
        {"CannotGetJdbcConnectionException", VERDICT, T, 88, "network", NULL},
        {"CannotCreateTransactionException", TEXT, T, 80, "network", NULL},
        {"JDBCConnectionException", VERDICT, T, 90, "network", NULL},
        {"CommunicationsException", VERDICT, T, 92, "network", NULL},
        {"SQLTransientConnectionException", VERDICT, T, 92, "network", NULL},
        {"SQLNonTransientConnectionException", TEXT, T, 80, "network", NULL},
        {"SQLTransientException", VERDICT, T, 90, "network", NULL},
        {"SQLRecoverableException", VERDICT, T, 88, "network", NULL},
        {"SQLTransactionRollbackException", VERDICT, T, 92, "lock", NULL},
        {"MySQLTransactionRollbackException", VERDICT, T, 92, "lock", NULL},
        {"TransientDataAccessResourceException", VERDICT, T, 88, "network", NULL},
        {"DataAccessResourceFailureException", TEXT, T, 85, "network", NULL},
        {"RedisConnectionFailureException", VERDICT, T, 92, "network", NULL},
        {"RedisConnectionException", VERDICT, T, 92, "network", NULL},
        {"RedisCommandTimeoutException", VERDICT, T, 92, "timeout", NULL},
        {"JedisConnectionException", VERDICT, T, 92, "network", NULL},
        {"MongoTimeoutException", VERDICT, T, 92, "timeout", NULL},
        {"MongoSocketException", VERDICT, T, 92, "network", NULL},
        {"MongoSocketOpenException", VERDICT, T, 92, "network", NULL},
        {"MongoSocketReadException", VERDICT, T, 92, "network", NULL},
        {"MongoSocketReadTimeoutException", VERDICT, T, 92, "timeout", NULL},
        {"MongoNotPrimaryException", VERDICT, T, 92, "network", NULL},
        {"NoNodeAvailableException", VERDICT, T, 90, "network", NULL},
        {"AllNodesFailedException", VERDICT, T, 88, "network", NULL},
        {"DisconnectException", VERDICT, T, 92, "network", NULL},
        {"NetworkException", VERDICT, T, 92, "network", NULL},
        {"NotEnoughReplicasException", VERDICT, T, 95, "kafka", NULL},
        {"NotEnoughReplicasAfterAppendException", VERDICT, T, 95, "kafka", NULL},
        {"NotLeaderOrFollowerException", VERDICT, T, 95, "kafka", NULL},
        {"NotLeaderForPartitionException", VERDICT, T, 95, "kafka", NULL},
        {"LeaderNotAvailableException", VERDICT, T, 95, "kafka", NULL},
        {"BrokerNotAvailableException", VERDICT, T, 95, "kafka", NULL},
        {"CoordinatorNotAvailableException", VERDICT, T, 95, "kafka", NULL},
        {"CoordinatorLoadInProgressException", VERDICT, T, 95, "kafka", NULL},
        {"NotCoordinatorException", VERDICT, T, 95, "kafka", NULL},
        {"KafkaStorageException", VERDICT, T, 90, "kafka", NULL},
        {"ThrottlingQuotaExceededException", VERDICT, T, 90, "overload", NULL},
        {"UnknownTopicOrPartitionException", VERDICT, T, 75, "kafka", NULL},
        {"UnstableOffsetCommitException", VERDICT, T, 90, "kafka", NULL},
        {"RebalanceInProgressException", VERDICT, T, 90, "kafka", NULL},
        {"CommitFailedException", VERDICT, T, 85, "kafka", NULL},
        {"BufferExhaustedException", VERDICT, T, 88, "overload", NULL},
        {"ProducerFencedException", VERDICT, T, 85, "task", NULL},
        {"InvalidProducerEpochException", VERDICT, T, 85, "task", NULL},
        {"InvalidPidMappingException", VERDICT, T, 85, "task", NULL},
        {"OutOfOrderSequenceException", VERDICT, T, 85, "task", NULL},
        {"InvalidTxnStateException", VERDICT, T, 80, "task", NULL},
        {"TransactionAbortedException", VERDICT, T, 88, "task", NULL},
        {"TransactionAbortableException", VERDICT, T, 88, "task", NULL},
        {"FencedInstanceIdException", VERDICT, T, 80, "task", NULL},

        /* Rights: all records follow until somebody puts them right; then they pass. */
        {"TopicAuthorizationException", VERDICT, T, 92, "access", NULL},
        {"GroupAuthorizationException", VERDICT, T, 92, "access", NULL},
        {"ClusterAuthorizationException", VERDICT, T, 92, "access", NULL},
        {"TransactionalIdAuthorizationException", VERDICT, T, 92, "access", NULL},
        {"SaslAuthenticationException", VERDICT, T, 92, "access", NULL},
        {"SslAuthenticationException", VERDICT, T, 92, "access", NULL},
        {"AuthenticationException", VERDICT, T, 85, "access", NULL},
        {"AuthorizationException", VERDICT, T, 85, "access", NULL},
        {"AccessDeniedException", VERDICT, T, 85, "access", NULL},
        {"CertificateException", VERDICT, T, 85, "access", NULL},
        {"CertificateExpiredException", VERDICT, T, 85, "access", NULL},
        {"SunCertPathBuilderException", VERDICT, T, 85, "access", NULL},
        {"ValidatorException", VERDICT, T, 80, "access", "sun."},
        {"NoSuchBucketException", VERDICT, T, 85, "target_config", NULL},
        {"MongoSecurityException", VERDICT, T, 88, "access", NULL},

        /* The text decides. */
        {"RestClientException", TEXT, U, 0, "", NULL},
        {"RestClientResponseException", TEXT, U, 0, "", NULL},
        {"PSQLException", TEXT, B, 50, "sql", NULL},
        {"SQLException", TEXT, U, 0, "", NULL},
        {"SQLGrammarException", TEXT, S, 75, "sql", NULL},
        {"BadSqlGrammarException", TEXT, S, 75, "sql", NULL},
        {"SQLSyntaxErrorException", TEXT, S, 75, "sql", NULL},
        {"BatchUpdateException", TEXT, U, 0, "", NULL},
        {"SQLServerException", TEXT, U, 0, "", NULL},
        {"MongoWriteException", TEXT, B, 65, "rejected", NULL},
        {"MongoBulkWriteException", TEXT, B, 65, "rejected", NULL},
        {"MongoCommandException", TEXT, U, 0, "", NULL},
        {"ElasticsearchStatusException", TEXT, U, 0, "", NULL},
        {"ElasticsearchException", TEXT, U, 0, "", NULL},
        {"ResponseException", TEXT, U, 0, "", NULL},
        {"AmazonS3Exception", TEXT, U, 0, "", NULL},
        {"S3Exception", TEXT, U, 0, "", NULL},
        {"AmazonServiceException", TEXT, U, 0, "", NULL},
        {"AwsServiceException", TEXT, U, 0, "", NULL},
        {"SdkClientException", TEXT, T, 75, "network", NULL},
        {"ProvisionedThroughputExceededException", VERDICT, T, 95, "overload", NULL},
        {"ConditionalCheckFailedException", VERDICT, B, 75, "conflict", NULL},
        {"ThrottlingException", VERDICT, T, 95, "overload", NULL},
        {"SFException", TEXT, U, 0, "", NULL},
        {"SnowflakeSQLException", TEXT, U, 0, "", NULL},
        {"SnowflakeKafkaConnectorException", TEXT, U, 0, "", NULL},
        {"TableAlterOrCreateException", TEXT, S, 75, "table", NULL},
        {"BigQueryException", TEXT, U, 0, "", NULL},
        {"StatusRuntimeException", TEXT, U, 0, "", NULL},
        {"StatusException", TEXT, U, 0, "", NULL},
        {"HttpClientErrorException", TEXT, B, 65, "http", NULL},
        {"HttpServerErrorException", TEXT, T, 85, "http", NULL},
        {"HttpStatusCodeException", TEXT, U, 0, "", NULL},
        {"WebClientResponseException", TEXT, U, 0, "", NULL},
        {"ClientWebApplicationException", TEXT, U, 0, "", NULL},
        {"WebApplicationException", TEXT, U, 0, "", NULL},
        {"HttpResponseException", TEXT, U, 0, "", NULL},
        {"FeignException", TEXT, U, 0, "", NULL},
        {"HTTPError", TEXT, U, 0, "", NULL},
        {"BadRequest", VERDICT, B, 85, "http", NULL},
        {"NotFound", VERDICT, B, 65, "http", NULL},
        {"Conflict", VERDICT, B, 75, "conflict", NULL},
        {"UnprocessableEntity", VERDICT, B, 88, "http", NULL},
        {"Unauthorized", VERDICT, T, 88, "access", NULL},
        {"Forbidden", VERDICT, T, 85, "access", NULL},
        {"TooManyRequests", VERDICT, T, 95, "overload", NULL},
        {"InternalServerError", VERDICT, T, 88, "http", NULL},
        {"BadGateway", VERDICT, T, 95, "http", NULL},
        {"ServiceUnavailable", VERDICT, T, 95, "http", NULL},
        {"GatewayTimeout", VERDICT, T, 95, "timeout", NULL},

        /* A bug, or poison. */
        {"NullPointerException", VALUE, U, 60, "null", NULL},
        {"OutOfMemoryError", VERDICT, U, 80, "poison", NULL},
        {"StackOverflowError", VERDICT, U, 80, "poison", NULL},
        {"AssertionError", VERDICT, U, 55, "code", NULL},
        {"AttributeError", VERDICT, U, 55, "code", NULL},
        {"TypeError", VERDICT, S, 55, "type", NULL},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

#define SLOTS 1024
static uint16_t slots[SLOTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t slot_of(const char *p, size_t n)
{
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < n; i++)
                h = (h ^ (uint8_t)p[i]) * 16777619u;
        return h >> 22;
}

static void fill_slots(void)
{
        for (size_t i = 0; i < NROWS; i++) {
                uint32_t s = slot_of(rows[i].name, strlen(rows[i].name));
                while (slots[s])
                        s = (s + 1) % SLOTS;
                slots[s] = (uint16_t)(i + 1);
        }
}

enum sl_dlq_class_kind sl_dlq_class_find(struct sl_str class, struct sl_dlq_says *ret)
{
        struct sl_str name = sl_dlq_simple_name(class);
        const char *inner = name.len ? memrchr(name.ptr, '$', name.len) : NULL;
        if (inner) /* HttpClientErrorException$BadRequest */
                name = (struct sl_str){inner + 1, name.len - (size_t)(inner + 1 - name.ptr)};
        pthread_once(&once, fill_slots);
        if (!name.len)
                return SL_DLQ_CLASS_UNKNOWN;
        for (uint32_t s = slot_of(name.ptr, name.len); slots[s]; s = (s + 1) % SLOTS) {
                const struct row *r = &rows[slots[s] - 1];
                if (!sl_str_eqc(name, r->name) || (r->package && !sl_str_starts(class, r->package)))
                        continue;
                *ret = (struct sl_dlq_says){(enum sl_rc)r->class, r->confidence, r->code, r->name};
                return (enum sl_dlq_class_kind)r->kind;
        }
        return SL_DLQ_CLASS_UNKNOWN;
}

static bool has_word(struct sl_str s, const char *word)
{
        size_t n = strlen(word);
        for (size_t i = 0; i + n <= s.len; i++)
                if (strncasecmp(s.ptr + i, word, n) == 0)
                        return true;
        return false;
}

bool sl_dlq_class_guess(struct sl_str name, struct sl_dlq_says *ret)
{
        static const struct {
                const char *word;
                uint8_t class;
                const char *code;
        } hints[] = {
                {"timeout", T, "timeout"},        {"timedout", T, "timeout"},      {"unavailable", T, "network"}, {"retryable", T, "retriable"},
                {"retriable", T, "retriable"},    {"transient", T, "retriable"},   {"temporar", T, "retriable"},  {"throttl", T, "overload"},
                {"ratelimit", T, "overload"},     {"overload", T, "overload"},     {"connection", T, "network"},  {"unreachable", T, "network"},
                {"circuit", T, "circuit.open"},   {"deadlock", T, "lock"},         {"unauthor", T, "access"},     {"authent", T, "access"},
                {"forbidden", T, "access"},       {"accessdenied", T, "access"},   {"deserializ", D, "bytes"},    {"decod", D, "bytes"},
                {"malformed", D, "bytes"},        {"corrupt", D, "corrupt"},       {"decrypt", D, "encryption"},  {"schema", S, "schema"},
                {"incompatible", S, "schema"},    {"missingfield", S, "field.missing"}, {"mapping", S, "type"},   {"typemismatch", S, "type"},
                {"unknownfield", S, "field.unknown"}, {"validation", B, "validation"}, {"invalid", B, "validation"}, {"duplicate", B, "duplicate"},
                {"alreadyexists", B, "duplicate"}, {"alreadyprocessed", B, "duplicate"}, {"notfound", B, "dependency"}, {"missing", B, "dependency"},
                {"insufficient", B, "rule"},      {"notallowed", B, "rule"},       {"rejected", B, "rule"},       {"exceeded", B, "rule"},
                {"limit", B, "rule"},             {"business", B, "rule"},         {"domain", B, "rule"},         {"rule", B, "rule"},
                {"constraint", B, "constraint"},  {"expired", B, "stale"},         {"stale", B, "stale"},         {"conflict", B, "conflict"},
                {"illegal", B, "validation"},     {"unsupported", B, "unsupported"}, {"unprocessable", B, "validation"}, {"closed", B, "rule"},
                {"blocked", B, "rule"},           {"fraud", B, "rule"},            {"unknown", B, "dependency"},  {"toolarge", B, "oversize"},
                {"parse", D, "bytes"},
        };
        for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
                if (has_word(name, hints[i].word)) {
                        *ret = (struct sl_dlq_says){(enum sl_rc)hints[i].class, 60, hints[i].code, hints[i].word};
                        return true;
                }
        return false;
}
