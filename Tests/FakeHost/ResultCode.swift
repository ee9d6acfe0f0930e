import CJackfield

/// The result codes of the header as the type that its functions return: Swift imports constants of a C enumeration as `Int`.
let JF_OK = Int32(CJackfield.JF_OK)
let JF_PENDING = Int32(CJackfield.JF_PENDING)
let JF_E_FAILED = Int32(CJackfield.JF_E_FAILED)
let JF_E_INVALID = Int32(CJackfield.JF_E_INVALID)
let JF_E_GONE = Int32(CJackfield.JF_E_GONE)
let JF_E_UNSUPPORTED = Int32(CJackfield.JF_E_UNSUPPORTED)
let JF_E_LIMIT = Int32(CJackfield.JF_E_LIMIT)
let JF_E_SPACE = Int32(CJackfield.JF_E_SPACE)
let JF_E_NOT_FOUND = Int32(CJackfield.JF_E_NOT_FOUND)
let JF_E_DENIED = Int32(CJackfield.JF_E_DENIED)
let JF_E_TIMEOUT = Int32(CJackfield.JF_E_TIMEOUT)
