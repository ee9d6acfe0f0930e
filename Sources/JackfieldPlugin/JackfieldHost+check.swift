extension JackfieldHost {
    /// What a result code means, in the host's words.
    func words(for code: Int32) -> String {
        var words = jf_text()
        guard core.describe?(pointer, code, &words) == JF_OK else { return "result code \(code)" }
        return String(words)
    }

    /// Turns a failure into an error that names the call. A slot the host left NULL against its promise counts as unsupported.
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
