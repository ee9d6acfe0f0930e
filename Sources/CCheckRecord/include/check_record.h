// What a process that runs a plugin for `jackfield plugin check` leaves for the process that started it: the step that
// it was at. In memory that both share, so that it survives any end of the process. And what else the check needs of
// the C library that Swift's Glibc module does not have.
#pragma once

#include <stdint.h>

#define JF_CHECK_STEP_BYTES 2048

// Written by the process that is watched, and read by the other one only after it has ended.
typedef struct jf_check_record {
    char step[JF_CHECK_STEP_BYTES]; // terminated
} jf_check_record;

// A descriptor of shared memory of the record's size, close-on-exec; -1 with errno.
int32_t jf_check_record_create(void);

// Maps the record of a descriptor; NULL with errno. It is never unmapped by the process that is watched.
jf_check_record *jf_check_record_map(int32_t descriptor);
void jf_check_record_unmap(jf_check_record *record);

// Writes the step: `length` bytes, cut to what fits. One thread at a time.
void jf_check_record_set_step(jf_check_record *record, const char *text, uint64_t length);

// The step, terminated.
const char *jf_check_record_step(const jf_check_record *record);

// Bytes that the process has allocated with malloc and not freed, of all threads.
uint64_t jf_check_heap_bytes(void);

// The actions of all signals below the real-time ones, at one moment. Opaque.
typedef struct jf_check_signals {
    uint64_t words[32 * 24];
} jf_check_signals;
void jf_check_signals_save(jf_check_signals *known);

// Whether the action of a signal has changed: 1 or 0. If so, and `restore` is not 0, the action of `known` is restored;
// else `known` gets the new one.
int32_t jf_check_signal_changed(jf_check_signals *known, int32_t number, int32_t restore);

// Starts `arguments[0]` with these arguments and a new process group. Its descriptors are 0 (/dev/null), 1 and 2
// (`output`), 3 (`request`), 4 (`result`) and 5 (`record`), no other; no signal is blocked or ignored, and it ends when
// the calling thread ends. `folder` is its working directory. Returns its process id, or -1 with errno.
int32_t jf_check_spawn(char *const *arguments, const char *folder, int32_t output, int32_t request, int32_t result,
                       int32_t record);
