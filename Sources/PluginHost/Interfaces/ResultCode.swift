import CJackfield

// The header's result codes are constants of an unnamed enum, which Swift imports as Int. These have the header's own
// type, jf_code.
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
let JF_E_STATE = Int32(CJackfield.JF_E_STATE)
let JF_E_UNAVAILABLE = Int32(CJackfield.JF_E_UNAVAILABLE)
let JF_E_DEADLOCK = Int32(CJackfield.JF_E_DEADLOCK)
let JF_E_MISMATCH = Int32(CJackfield.JF_E_MISMATCH)

/// The texts of result codes.
enum ResultCode {
    /// Static and zero-terminated, in the order of the header.
    private static let words: [(code: Int32, name: StaticString, text: StaticString)] = [
        (JF_OK, "JF_OK", "success"),
        (JF_PENDING, "JF_PENDING", "the decision comes later, through the kept token"),
        (JF_E_FAILED, "JF_E_FAILED", "failed for another reason: see the message beside it, or the log"),
        (JF_E_INVALID, "JF_E_INVALID", "an argument is wrong: see the log"),
        (JF_E_GONE, "JF_E_GONE", "the object of this handle or token is gone, or the token was completed before"),
        (JF_E_UNSUPPORTED, "JF_E_UNSUPPORTED", "this host has no such interface, function or field"),
        (JF_E_LIMIT, "JF_E_LIMIT", "a limit is reached; nothing was done"),
        (JF_E_SPACE, "JF_E_SPACE", "the buffer is too small"),
        (JF_E_NOT_FOUND, "JF_E_NOT_FOUND", "there is no such thing"),
        (JF_E_DENIED, "JF_E_DENIED", "refused on purpose"),
        (JF_E_TIMEOUT, "JF_E_TIMEOUT", "no answer in time"),
        (JF_E_STATE, "JF_E_STATE", "called in the wrong state or on the wrong thread"),
        (JF_E_UNAVAILABLE, "JF_E_UNAVAILABLE", "no plugin provides the service now"),
        (JF_E_DEADLOCK, "JF_E_DEADLOCK", "the call would wait for a thread that waits for this call"),
        (JF_E_MISMATCH, "JF_E_MISMATCH", "caller and provider declare different signatures or versions"),
    ]

    static func words(_ code: Int32) -> StaticString? { words.first { $0.code == code }?.text }

    /// The text for a log line: `-8 (JF_E_NOT_FOUND: there is no such thing)`.
    static func describe(_ code: Int32) -> String {
        guard let entry = words.first(where: { $0.code == code }) else {
            return "\(code), which is no result code of jackfield.h"
        }
        return "\(code) (\(entry.name): \(entry.text))"
    }
}
