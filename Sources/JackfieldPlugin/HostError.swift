/// The error code that a call of the host returned.
public struct HostError: Error, Sendable, CustomStringConvertible {
    /// One of `JF_E_*`.
    public let code: Int32

    /// Interface and function: `events.emit`.
    public let call: String

    /// The host's description of the code.
    public let words: String

    public var description: String { "jf.\(call): \(words) (\(code))" }
}

extension JackfieldHost {
    /// The host's description of a result code.
    func words(for code: Int32) -> String {
        var words = jf_text()
        guard core.describe?(pointer, code, &words) == JF_OK else { return "result code \(code)" }
        return String(words)
    }

    /// Throws an error that names the call if `code` is a failure. nil (the host left the slot NULL, which the header
    /// forbids) counts as `JF_E_UNSUPPORTED`.
    func check(_ code: Int32?, _ call: StaticString) throws(HostError) {
        let code = code ?? JF_E_UNSUPPORTED
        if code < 0 { throw HostError(code: code, call: "\(call)", words: words(for: code)) }
    }

    /// Whether a client still waits for a kept token.
    func isAwaited(_ token: jf_token) -> Bool {
        var waiting: Int32 = 0
        return tokens.waits?(pointer, token, &waiting) == JF_OK && waiting == 1
    }

    /// As ``check(_:_:)``, but returns false for `JF_E_GONE`: the socket or the client is gone.
    func reached(_ code: Int32?, _ call: StaticString) throws(HostError) -> Bool {
        if code == JF_E_GONE { return false }
        try check(code, call)
        return true
    }
}

/// The result codes of the header as `Int32`, the type that its functions return: Swift imports the constants of a C
/// enumeration as `Int`.
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
let JF_E_MISMATCH = Int32(CJackfield.JF_E_MISMATCH)
