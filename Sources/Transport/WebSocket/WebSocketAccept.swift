import COpenSSL

/// The answer to a client's `Sec-WebSocket-Key` (RFC 6455 section 4.2.2).
enum WebSocketAccept {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Base64 of the SHA-1 of key and GUID.
    static func value(for key: String) -> String {
        let text = Array((key + guid).utf8)
        var digest = [UInt8](repeating: 0, count: 20)
        var count: UInt32 = 0
        let code = EVP_Digest(text, text.count, &digest, &count, EVP_sha1(), nil)
        precondition(code == 1 && count == 20, "OpenSSL has no SHA-1, without which there are no WebSockets")
        // 20 bytes are six groups of three and one of two.
        var encoded: [UInt8] = []
        encoded.reserveCapacity(28)
        digest.append(0)
        for start in stride(from: 0, to: 21, by: 3) {
            let bits = Int(digest[start]) << 16 | Int(digest[start + 1]) << 8 | Int(digest[start + 2])
            for shift in [18, 12, 6, 0] { encoded.append(alphabet[bits >> shift & 63]) }
        }
        encoded[27] = 0x3D
        return String(decoding: encoded, as: UTF8.self)
    }

    /// 16 bytes in base64: 22 digits and two `=`.
    static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        return bytes.count == 24 && bytes[22] == 0x3D && bytes[23] == 0x3D && bytes[..<22].allSatisfy { alphabet.contains($0) }
    }
}
