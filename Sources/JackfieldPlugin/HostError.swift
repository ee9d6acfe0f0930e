/// The host refused a call.
public struct HostError: Error, Sendable, CustomStringConvertible {
    /// One of `JF_E_*`.
    public let code: Int32

    /// Interface and function: `events.emit`.
    public let call: String

    /// What the code means, in the host's words.
    public let words: String

    public var description: String { "jf.\(call): \(words) (\(code))" }
}

extension JackfieldHost {
    /// What a result code means, in the host's words.
    func words(for code: Int32) -> String {
        var words = jf_text()
        guard core.describe?(pointer, code, &words) == JF_OK else { return "result code \(code)" }
        return String(words)
    }

    /// Turns a failure into an error that names the call. A slot the host left NULL against its
    /// promise counts as unsupported.
    func check(_ code: Int32?, _ call: StaticString) throws(HostError) {
        let code = code ?? JF_E_UNSUPPORTED
        if code < 0 { throw HostError(code: code, call: "\(call)", words: words(for: code)) }
    }

    /// Whether somebody waits for a kept token.
    func isAwaited(_ token: jf_token) -> Bool {
        var waiting: Int32 = 0
        return tokens.waits?(pointer, token, &waiting) == JF_OK && waiting == 1
    }

    /// The same where being gone is an ordinary answer: true if it was done, false if nobody is there any more.
    func reached(_ code: Int32?, _ call: StaticString) throws(HostError) -> Bool {
        if code == JF_E_GONE { return false }
        try check(code, call)
        return true
    }
}

/// The result codes of the header as the type that its functions return: Swift imports constants of
/// a C enumeration as `Int`.
let JF_OK = Int32(CJackfield.JF_OK)
let JF_PENDING = Int32(CJackfield.JF_PENDING)
let JF_E_FAILED = Int32(CJackfield.JF_E_FAILED)
let JF_E_INVALID = Int32(CJackfield.JF_E_INVALID)
let JF_E_GONE = Int32(CJackfield.JF_E_GONE)
let JF_E_UNSUPPORTED = Int32(CJackfield.JF_E_UNSUPPORTED)
let JF_E_LIMIT = Int32(CJackfield.JF_E_LIMIT)
let JF_E_SPACE = Int32(CJackfield.JF_E_SPACE)
let JF_E_DENIED = Int32(CJackfield.JF_E_DENIED)
let JF_E_STATE = Int32(CJackfield.JF_E_STATE)
