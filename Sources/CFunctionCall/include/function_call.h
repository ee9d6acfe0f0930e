// Calls C functions whose type is known only at run time, and makes C functions of such a type, through libffi. In C,
// because libffi describes types by global variables, which Swift regards as mutable.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// How a parameter or a result is passed in C. docs/signatures.md has the table. The forms 1 to 7 are the scalars
// JF_VALUE_BOOL to JF_VALUE_F64 of jackfield.h.
enum {
    JF_FORM_NONE = 0,     // no result
    JF_FORM_TEXT = 16,    // parameter: pointer and uint64_t length, NULL if absent.
                          // result: char *out, uint64_t capacity, uint64_t *length behind the parameters, and a jf_code
    JF_FORM_CSTRING = 17, // const char *, terminated, NULL if absent
    JF_FORM_VALUE = 18,   // const jf_value *; parameters only
    JF_FORM_POINTER = 32, // + a scalar: const T *, NULL if absent; parameters only
    JF_FORM_ELEMENTS = 64, // + a scalar: const T *, and uint64_t count; parameters only
};

// The largest number of parameters of a signature.
enum { JF_FORM_LIMIT = 32 };

// Bytes of the buffer that a C function with a result of JF_FORM_TEXT gets.
enum { JF_FORM_TEXT_CAPACITY = 65536 };

typedef struct jf_form {
    uint8_t form;
    uint8_t kind;     // JF_VALUE_* of a value of this form, if it is present
    bool is_optional; // a result of JF_FORM_CSTRING may be NULL
} jf_form;

// The prepared type of a C function. Immutable.
typedef struct jf_function_type jf_function_type;

// Prepares a type, once. `fails`: the function returns a jf_code and stores its result through a pointer behind the
// parameters. Returns NULL if libffi refuses it or there is no memory. Never freed: function pointers need it for ever.
jf_function_type *jf_function_type_make(const jf_form *parameters, uint32_t count, jf_form result, bool fails);

// Calls `function`, which must have this type. `args` are `count` values of jackfield.h (jf_value) that were checked
// against the signature. `terminated`: each text has a zero byte behind it, so that it need not be copied.
//
// Stores the result in *result (jf_value). Texts point to memory of the function, or to *storage, which the caller
// frees with free(); copy them before anything else runs.
//
// Returns JF_OK; JF_E_FAILED and *status if the function returned a status other than 0, or NULL (*status is 0 then);
// JF_E_LIMIT if there is no memory or the result exceeds JF_FORM_TEXT_CAPACITY.
int32_t jf_function_call(const jf_function_type *type, void (*function)(void), const void *args, bool terminated,
                         void *result, void **storage, int32_t *status);

// Called by a function that jf_function_make made, with its arguments as jf_value. Fills *result (jf_result, zeroed);
// returns its code.
typedef int32_t (*jf_function_handler)(void *context, const void *args, uint32_t count, void *result);
// Frees the storage of a result that the handler filled.
typedef void (*jf_storage_release)(void *result);

// Makes a C function of this type, which calls `handler` with `context`. If the handler fails, a function whose type
// fails returns the code, and any other returns 0. Returns NULL if there is no memory. Never freed, because the pointer
// may be called at any time.
void (*jf_function_make(const jf_function_type *type, jf_function_handler handler, jf_storage_release release,
                        void *context))(void);

// The innermost service call that runs on this thread: a list through the stack of the thread.
typedef struct jf_call_frame {
    struct jf_call_frame *outer;
    const void *call;   // the jf_call that the method received
    const void *method; // the method, an object of the host
    void *storage;      // of the result, if set_result was called: an object of the host
    uint32_t depth;     // 1 for the outermost
} jf_call_frame;

// The variable of this thread that holds the innermost call.
jf_call_frame **jf_call_frames(void);
