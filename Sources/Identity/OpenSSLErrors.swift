import COpenSSL

/// OpenSSL's error queue, which belongs to the thread and not to the call.
enum OpenSSLErrors {
    /// The oldest error's text. The queue is empty afterwards: what stays there would be taken for the failure of the next TLS call on this thread.
    static func drain() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return "no reason given" }
        return String(cString: reason)
    }

    static func clear() {
        ERR_clear_error()
    }
}
