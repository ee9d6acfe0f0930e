#include "function_call.h"

#if !__has_include(<ffi.h>)
#error "the header of libffi is missing: run 'make packages', or install libffi-dev"
#endif

#define JF_NO_ENTRY
#include <ffi.h>
#include <jackfield/jackfield.h>
#include <stdlib.h>
#include <string.h>

// Most machine arguments: two for each parameter, and three for the result.
enum { NATIVE_LIMIT = 2 * JF_FORM_LIMIT + 3 };

struct jf_function_type {
    ffi_cif cif;
    ffi_type *types[NATIVE_LIMIT];
    jf_form parameters[JF_FORM_LIMIT];
    uint32_t count;
    jf_form result;
    bool fails;
    uint32_t result_index; // of the machine argument behind the parameters
};

static ffi_type *scalar(uint8_t kind) {
    switch (kind) {
    case JF_VALUE_BOOL: return &ffi_type_uint8;
    case JF_VALUE_I32: return &ffi_type_sint32;
    case JF_VALUE_I64: return &ffi_type_sint64;
    case JF_VALUE_U32: return &ffi_type_uint32;
    case JF_VALUE_U64: return &ffi_type_uint64;
    case JF_VALUE_F32: return &ffi_type_float;
    case JF_VALUE_F64: return &ffi_type_double;
    default: return NULL;
    }
}

static bool is_scalar(uint8_t form) { return form >= JF_VALUE_BOOL && form <= JF_VALUE_F64; }

static size_t size_of(uint8_t kind) {
    switch (kind) {
    case JF_VALUE_BOOL: return 1;
    case JF_VALUE_I32:
    case JF_VALUE_U32:
    case JF_VALUE_F32: return 4;
    default: return 8;
    }
}

// The number of machine arguments of a parameter.
static uint32_t width(jf_form parameter) {
    return parameter.form == JF_FORM_TEXT || parameter.form >= JF_FORM_ELEMENTS ? 2 : 1;
}

// Whether the function returns a jf_code instead of its result.
static bool returns_code(const jf_function_type *type) { return type->fails || type->result.form == JF_FORM_TEXT; }

jf_function_type *jf_function_type_make(const jf_form *parameters, uint32_t count, jf_form result, bool fails) {
    if (count > JF_FORM_LIMIT) return NULL;
    jf_function_type *type = calloc(1, sizeof *type);
    if (!type) return NULL;
    if (count) memcpy(type->parameters, parameters, count * sizeof *parameters);
    type->count = count;
    type->result = result;
    type->fails = fails;
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t form = parameters[i].form;
        type->types[n++] = is_scalar(form) ? scalar(form) : &ffi_type_pointer;
        if (width(parameters[i]) == 2) type->types[n++] = &ffi_type_uint64;
    }
    type->result_index = n;
    ffi_type *returned = &ffi_type_void;
    if (returns_code(type)) {
        returned = &ffi_type_sint32;
        if (result.form == JF_FORM_TEXT) {
            type->types[n++] = &ffi_type_pointer;
            type->types[n++] = &ffi_type_uint64;
            type->types[n++] = &ffi_type_pointer;
        } else if (result.form != JF_FORM_NONE) {
            type->types[n++] = &ffi_type_pointer;
        }
    } else if (result.form != JF_FORM_NONE) {
        returned = is_scalar(result.form) ? scalar(result.form) : &ffi_type_pointer;
    }
    if (ffi_prep_cif(&type->cif, FFI_DEFAULT_ABI, n, returned, type->types) == FFI_OK) return type;
    free(type);
    return NULL;
}

// ---- Calling ---------------------------------------------------------------------------------------------------

// Memory for one call: arguments that C takes in another form than jf_value has. Freed after the call.
typedef struct block {
    struct block *next;
} block;

static void *allocate(block **blocks, size_t size) {
    block *made = malloc(sizeof *made + size);
    if (!made) return NULL;
    made->next = *blocks;
    *blocks = made;
    return made + 1;
}

// Stores a scalar as C has it in memory.
static void store(void *to, uint8_t kind, const jf_value *value) {
    if (kind == JF_VALUE_BOOL) {
        *(uint8_t *)to = value->val.i32 != 0;
    } else {
        memcpy(to, &value->val, size_of(kind));
    }
}

static void load(jf_value *value, uint8_t kind, const void *from) {
    value->kind = kind;
    if (kind == JF_VALUE_BOOL) {
        value->val.i32 = *(const uint8_t *)from != 0;
    } else {
        memcpy(&value->val, from, size_of(kind));
    }
}

// One machine argument that has no place in the jf_value itself.
typedef union slot {
    const void *pointer;
    uint64_t number;
    uint8_t byte;
} slot;

static const void *elements(block **blocks, uint8_t kind, const jf_value *array) {
    size_t size = size_of(kind);
    // One byte more, so that an empty array has an address: NULL means that there is none.
    char *copy = allocate(blocks, size * array->count + 1);
    for (uint32_t i = 0; copy && i < array->count; i++) store(copy + size * i, kind, &array->val.items[i]);
    return copy;
}

static const char *terminated_copy(block **blocks, jf_text text) {
    char *copy = allocate(blocks, (size_t)text.len + 1);
    if (!copy) return NULL;
    if (text.len) memcpy(copy, text.ptr, (size_t)text.len);
    copy[text.len] = 0;
    return copy;
}

// The machine arguments of one parameter. Returns how many, or 0 if there is no memory.
static uint32_t pass(jf_form parameter, const jf_value *value, bool terminated, slot *slots, void **out,
                     block **blocks) {
    bool is_absent = value->kind == JF_VALUE_NONE;
    switch (parameter.form) {
    case JF_VALUE_BOOL:
        slots[0].byte = value->val.i32 != 0;
        out[0] = &slots[0].byte;
        return 1;
    case JF_FORM_TEXT:
        // A present text has an address, also if it is empty.
        slots[0].pointer = is_absent ? NULL : value->val.text.ptr ? value->val.text.ptr : "";
        slots[1].number = is_absent ? 0 : value->val.text.len;
        out[0] = &slots[0].pointer;
        out[1] = &slots[1].number;
        return 2;
    case JF_FORM_CSTRING:
        if (is_absent) {
            slots[0].pointer = NULL;
        } else if (terminated && value->val.text.ptr) {
            slots[0].pointer = value->val.text.ptr;
        } else {
            slots[0].pointer = terminated_copy(blocks, value->val.text);
            if (!slots[0].pointer) return 0;
        }
        out[0] = &slots[0].pointer;
        return 1;
    case JF_FORM_VALUE:
        slots[0].pointer = value;
        out[0] = &slots[0].pointer;
        return 1;
    default:
        if (parameter.form >= JF_FORM_ELEMENTS) {
            slots[0].pointer = is_absent ? NULL : elements(blocks, parameter.form - JF_FORM_ELEMENTS, value);
            if (!is_absent && !slots[0].pointer) return 0;
            slots[1].number = is_absent ? 0 : value->count;
            out[0] = &slots[0].pointer;
            out[1] = &slots[1].number;
            return 2;
        }
        if (parameter.form >= JF_FORM_POINTER) {
            // A scalar is at the beginning of the union, except a bool, which has one byte in C.
            if (is_absent) {
                slots[0].pointer = NULL;
            } else if (value->kind == JF_VALUE_BOOL) {
                slots[1].byte = value->val.i32 != 0;
                slots[0].pointer = &slots[1].byte;
            } else {
                slots[0].pointer = &value->val;
            }
            out[0] = &slots[0].pointer;
            return 1;
        }
        out[0] = (void *)(uintptr_t)&value->val;
        return 1;
    }
}

int32_t jf_function_call(const jf_function_type *type, void (*function)(void), const void *args, bool terminated,
                         void *result, void **storage, int32_t *status) {
    const jf_value *values = args;
    jf_value *out = result;
    void *native[NATIVE_LIMIT];
    slot slots[NATIVE_LIMIT];
    block *blocks = NULL;
    int32_t code = JF_OK;
    uint32_t n = 0;
    *out = jf_none();
    *storage = NULL;
    *status = 0;
    for (uint32_t i = 0; i < type->count; i++) {
        uint32_t used = pass(type->parameters[i], &values[i], terminated, &slots[2 * i], &native[n], &blocks);
        if (!used) {
            code = JF_E_LIMIT;
            goto done;
        }
        n += used;
    }
    // libffi widens an integer result to a register.
    union {
        ffi_arg integer;
        float f32;
        double f64;
        const void *pointer;
        uint8_t bytes[8];
    } returned = { 0 };
    uint64_t indirect = 0; // the result of a function that returns a code
    void *where = &indirect;
    char *buffer = NULL;
    uint64_t capacity = JF_FORM_TEXT_CAPACITY, length = 0;
    void *length_address = &length;
    if (returns_code(type)) {
        if (type->result.form == JF_FORM_TEXT) {
            buffer = malloc(JF_FORM_TEXT_CAPACITY);
            if (!buffer) {
                code = JF_E_LIMIT;
                goto done;
            }
            native[n++] = &buffer;
            native[n++] = &capacity;
            native[n++] = &length_address;
        } else if (type->result.form != JF_FORM_NONE) {
            native[n++] = &where;
        }
    }
    // libffi takes the cif without const and does not change it.
    ffi_call((ffi_cif *)(uintptr_t)&type->cif, function, &returned, native);
    const void *source = &returned;
    if (returns_code(type)) {
        int32_t answered = (int32_t)returned.integer;
        if (answered != JF_OK) {
            *status = answered;
            code = buffer && answered == JF_E_SPACE ? JF_E_LIMIT : JF_E_FAILED;
            free(buffer);
            goto done;
        }
        source = &indirect;
    }
    if (buffer) {
        if (length > capacity) {
            free(buffer);
            code = JF_E_LIMIT;
            goto done;
        }
        *storage = buffer;
        out->kind = type->result.kind;
        out->val.text.ptr = buffer;
        out->val.text.len = length;
    } else if (type->result.form == JF_FORM_CSTRING) {
        const char *text;
        memcpy(&text, source, sizeof text);
        if (text) {
            out->kind = JF_VALUE_STRING;
            out->val.text = jf_text_of(text);
        } else if (!type->result.is_optional) {
            code = JF_E_FAILED;
        }
    } else if (type->result.form != JF_FORM_NONE) {
        load(out, type->result.form, source);
    }
done:
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
    return code;
}

// ---- Being called ----------------------------------------------------------------------------------------------

typedef struct closure {
    const jf_function_type *type;
    jf_function_handler handler;
    jf_storage_release release;
    void *context;
} closure;

// Reads one parameter from the machine arguments. Returns JF_E_INVALID for a NULL
// pointer with a count, JF_E_LIMIT if there is no memory.
static int32_t receive(jf_form parameter, void **native, jf_value *value, block **blocks) {
    const char *pointer;
    switch (parameter.form) {
    case JF_FORM_TEXT:
        pointer = *(const char **)native[0];
        *value = jf_none();
        if (pointer || !parameter.is_optional) {
            value->kind = parameter.kind;
            value->val.text.ptr = pointer;
            value->val.text.len = *(uint64_t *)native[1];
        }
        return JF_OK;
    case JF_FORM_CSTRING:
        pointer = *(const char **)native[0];
        *value = jf_none();
        if (pointer || !parameter.is_optional) {
            value->kind = parameter.kind;
            value->val.text = jf_text_of(pointer);
        }
        return JF_OK;
    case JF_FORM_VALUE: {
        const jf_value *given = *(const jf_value **)native[0];
        *value = given ? *given : jf_none();
        return JF_OK;
    }
    default:
        if (parameter.form >= JF_FORM_ELEMENTS) {
            uint8_t kind = parameter.form - JF_FORM_ELEMENTS;
            pointer = *(const char **)native[0];
            uint64_t count = *(uint64_t *)native[1];
            *value = jf_none();
            if (!pointer && parameter.is_optional) return JF_OK;
            if (count && !pointer) return JF_E_INVALID;
            if (count > UINT32_MAX) return JF_E_LIMIT;
            jf_value *items = allocate(blocks, sizeof *items * (size_t)count);
            if (!items) return JF_E_LIMIT;
            for (uint64_t i = 0; i < count; i++) {
                items[i] = jf_none();
                load(&items[i], kind, pointer + size_of(kind) * i);
            }
            *value = jf_array(items, (uint32_t)count);
            return JF_OK;
        }
        if (parameter.form >= JF_FORM_POINTER) {
            const void *given = *(const void **)native[0];
            *value = jf_none();
            if (given) load(value, parameter.form - JF_FORM_POINTER, given);
            return JF_OK;
        }
        value->count = 0;
        load(value, parameter.form, native[0]);
        return JF_OK;
    }
}

static void run(ffi_cif *cif, void *returned, void **native, void *user) {
    (void)cif;
    const closure *self = user;
    const jf_function_type *type = self->type;
    jf_value args[JF_FORM_LIMIT];
    block *blocks = NULL;
    uint32_t n = 0; // machine arguments read so far
    jf_result result;
    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    int32_t code = JF_OK;
    for (uint32_t i = 0; i < type->count && code == JF_OK; i++) {
        code = receive(type->parameters[i], &native[n], &args[i], &blocks);
        n += width(type->parameters[i]);
    }
    n = type->result_index;
    if (code == JF_OK) code = self->handler(self->context, args, type->count, &result);
    uint8_t form = type->result.form;
    if (returns_code(type)) {
        if (form == JF_FORM_TEXT) {
            char *out = *(char **)native[n];
            uint64_t capacity = *(uint64_t *)native[n + 1], *length = *(uint64_t **)native[n + 2];
            uint64_t needed = code == JF_OK ? result.value.val.text.len : 0;
            if (length) *length = needed;
            if (needed > capacity || (needed && !out)) {
                code = JF_E_SPACE;
            } else if (needed) {
                memcpy(out, result.value.val.text.ptr, (size_t)needed);
            }
        } else if (form != JF_FORM_NONE) {
            void *where = *(void **)native[n];
            if (where) {
                jf_value zero = jf_none();
                store(where, form, code == JF_OK ? &result.value : &zero);
            }
        }
        *(ffi_sarg *)returned = code;
    } else if (form != JF_FORM_NONE) {
        jf_value zero = jf_none();
        const jf_value *value = code == JF_OK ? &result.value : &zero;
        // libffi expects an integer as wide as a register.
        switch (form) {
        case JF_VALUE_BOOL: *(ffi_arg *)returned = value->val.i32 != 0; break;
        case JF_VALUE_I32: *(ffi_sarg *)returned = value->val.i32; break;
        case JF_VALUE_U32: *(ffi_arg *)returned = value->val.u32; break;
        default: store(returned, form, value);
        }
    }
    if (result.storage) self->release(&result);
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

void (*jf_function_make(const jf_function_type *type, jf_function_handler handler, jf_storage_release release,
                        void *context))(void) {
    closure *self = malloc(sizeof *self);
    void *code = NULL;
    ffi_closure *made = self ? ffi_closure_alloc(sizeof *made, &code) : NULL;
    if (made) {
        *self = (closure){ type, handler, release, context };
        if (ffi_prep_closure_loc(made, (ffi_cif *)(uintptr_t)&type->cif, run, self, code) == FFI_OK) {
            void (*function)(void);
            memcpy(&function, &code, sizeof function);
            return function;
        }
        ffi_closure_free(made);
    }
    free(self);
    return NULL;
}

// ---- The calls of a thread -------------------------------------------------------------------------------------

static _Thread_local jf_call_frame *innermost;

jf_call_frame **jf_call_frames(void) { return &innermost; }
