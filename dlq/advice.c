/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a failure (see advice.h). */
#include "dlq/advice.h"

const char *sl_dlq_advice(enum sl_rc class, const char *code)
{
        static const struct { const char *code, *text; } rows[] = {
                {"framing", "The value is not framed for a schema registry: another converter wrote it, or a producer without one. Set the converter "
                            "that fits, then replay unchanged; if single records are affected, find the producer."},
                {"converter_config", "The converter's settings do not fit the topic (schemas.enable): all of its records fail. Change the connector's "
                                     "configuration, then replay unchanged."},
                {"schema.unknown", "The registry has no schema with the id in the record. Register it again under its id, or correct the registry's "
                                   "address; then replay unchanged."},
                {"subject.unknown", "The registry has no such subject. Register it, or correct the subject name strategy; then replay unchanged."},
                {"version.unknown", "The registry has no such version of the subject. Register it; then replay unchanged."},
                {"schema.incompatible", "The new schema is not compatible with the subject's. Agree on one, then replay with --value-subject and, where fields "
                                        "differ, --rename, --default, --cast or --enum."},
                {"enum", "A symbol that the schema does not have. Add it to the schema, or replay with --enum OLD=NEW."},
                {"field.missing", "A field is missing. Replay with --default FIELD=TEXT or --rename OLD=NEW, or repair it by --transforms."},
                {"field.unknown", "A field that the reader does not know. Let the reader pass over it, add it to the target, or drop it by --transforms."},
                {"field.null", "A field that must have a value has none. Make it optional, or replay with --default FIELD=TEXT."},
                {"column.missing", "The target table has no such column. Add it, then replay unchanged; or drop the field by --transforms."},
                {"table.missing", "The target table is not there. Create it, then replay unchanged."},
                {"transform.shape", "The transform does not fit these records, often tombstones. Give it a predicate, or drop the records by a filter; then replay."},
                {"transform.value", "A transform could not convert a value. Correct the value by --transforms, or change the transform; then replay."},
                {"empty", "The value is empty: a producer's fault. Discard, or let the producer send again."},
                {"access", "Rights or certificates were refused: every record would follow. Put them right, then replay unchanged."},
                {"target_config", "The target is not set up as the connector needs it. Put it right, then replay unchanged."},
                {"dependency", "Something that the record refers to was not there yet. Replay later; if it fails again, find the missing record."},
                {"duplicate", "The target has it already. Compare the two; if they are equal, discard."},
                {"oversize", "The record is larger than a limit. Raise the limit (max.message.bytes, max.request.size), or keep the payload elsewhere."},
                {"poison", "It may kill who reads it. Quarantine it, and look at its size and depth."},
                {"conflict", "Somebody else changed the same thing meanwhile. Replay; the order by key is kept."},
                {"stale", "A newer value is in the target. Discard, unless the newer one is wrong."},
                {"null.value", "A tombstone met code that expects a value. Let the code pass null, or filter tombstones; then replay."},
                {"decodes.now", "The converters and transforms pass it now. Replay unchanged; what fails then fails in the target."},
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strcmp(rows[i].code, code) == 0)
                        return rows[i].text;
        switch (class) {
        case SL_TRANSIENT:
                return "It may pass by itself. When the target is well again, replay unchanged.";
        case SL_SCHEMA:
                return "Bytes and schema disagree. Agree on a schema, then replay, repaired by --value-subject, --default, --rename, --cast or --transforms.";
        case SL_BUSINESS:
                return "A rule of the application or of the target refused it. Correct the data (--transforms), or change the rule; replay does not help by itself.";
        case SL_DESERIALIZATION:
                return "The bytes cannot be read. Compare the converter with who writes the topic; single records are broken: quarantine them.";
        default:
                return "Not known. Look at one record (sluice dlq show), let --connect run it again, or write a rule.";
        }
}
