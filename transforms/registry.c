/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms and predicates of this build. A new one is one file (or one more struct in a file) and its lines here. */
#include "api/plugin.h"
#include "api/predicate.h"

extern const struct sl_transform_ops sl_by_logical_table_router, sl_cast_key, sl_cast_value, sl_content_based_router;
extern const struct sl_transform_ops sl_decode_message, sl_drop_headers, sl_drop_key, sl_drop_value, sl_event_router;
extern const struct sl_transform_ops sl_extract_changed_record_state, sl_extract_field_key, sl_extract_field_value;
extern const struct sl_transform_ops sl_extract_new_record_state, sl_extract_schema_to_new_record;
extern const struct sl_transform_ops sl_extract_topic_header, sl_extract_topic_key, sl_extract_topic_value, sl_filter;
extern const struct sl_transform_ops sl_flatten_key, sl_flatten_value, sl_header_from_key, sl_header_from_value;
extern const struct sl_transform_ops sl_gzip_decompress_key, sl_gzip_decompress_value;
extern const struct sl_transform_ops sl_header_to_value, sl_hoist_field_key, sl_hoist_field_value, sl_insert_field_key;
extern const struct sl_transform_ops sl_insert_field_value, sl_insert_header, sl_lua, sl_mask_field_key;
extern const struct sl_transform_ops sl_mask_field_value, sl_message_timestamp_router;
extern const struct sl_transform_ops sl_partition_routing, sl_regex_router, sl_replace_field_key;
extern const struct sl_transform_ops sl_replace_field_value, sl_schema_change_event_filter, sl_script_filter;
extern const struct sl_transform_ops sl_set_schema_metadata_key, sl_set_schema_metadata_value;
extern const struct sl_transform_ops sl_timestamp_converter_key, sl_timestamp_converter_value, sl_timestamp_router;
extern const struct sl_transform_ops sl_timezone_converter, sl_tombstone_handler, sl_value_to_key;
extern const struct sl_predicate_ops sl_has_header_key, sl_record_is_tombstone, sl_topic_name_matches;

const struct sl_transform_ops *const sl_transforms[] = {
        &sl_by_logical_table_router,
        &sl_cast_key,
        &sl_cast_value,
        &sl_content_based_router,
        &sl_decode_message,
        &sl_drop_headers,
        &sl_drop_key,
        &sl_drop_value,
        &sl_event_router,
        &sl_extract_changed_record_state,
        &sl_extract_field_key,
        &sl_extract_field_value,
        &sl_extract_new_record_state,
        &sl_extract_schema_to_new_record,
        &sl_extract_topic_header,
        &sl_extract_topic_key,
        &sl_extract_topic_value,
        &sl_filter,
        &sl_flatten_key,
        &sl_flatten_value,
        &sl_gzip_decompress_key,
        &sl_gzip_decompress_value,
        &sl_header_from_key,
        &sl_header_from_value,
        &sl_header_to_value,
        &sl_hoist_field_key,
        &sl_hoist_field_value,
        &sl_insert_field_key,
        &sl_insert_field_value,
        &sl_insert_header,
        &sl_lua,
        &sl_mask_field_key,
        &sl_mask_field_value,
        &sl_message_timestamp_router,
        &sl_partition_routing,
        &sl_regex_router,
        &sl_replace_field_key,
        &sl_replace_field_value,
        &sl_schema_change_event_filter,
        &sl_script_filter,
        &sl_set_schema_metadata_key,
        &sl_set_schema_metadata_value,
        &sl_timestamp_converter_key,
        &sl_timestamp_converter_value,
        &sl_timestamp_router,
        &sl_timezone_converter,
        &sl_tombstone_handler,
        &sl_value_to_key,
        NULL,
};

const struct sl_predicate_ops *const sl_predicates[] = {
        &sl_has_header_key,
        &sl_record_is_tombstone,
        &sl_topic_name_matches,
        NULL,
};
