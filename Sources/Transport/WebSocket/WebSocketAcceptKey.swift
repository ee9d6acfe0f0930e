import COpenSSL
import Support

/// The answer to a client's `Sec-WebSocket-Key` (RFC 6455 section 4.2.2).
enum WebSocketAcceptKey {
    private static let guid: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    private static let keyLength = 24
    private static let digestLength = 20

    /// Fetched once: `EVP_sha1()` has OpenSSL look for an implementation by name each time it is used, which takes longer than the hashing.
    /// Immutable, and counted atomically.
    nonisolated(unsafe) private static let sha1: OpaquePointer = {
        guard let sha1 = EVP_MD_fetch(nil, "SHA1", nil) else { preconditionFailure("OpenSSL has no SHA-1, without which there are no WebSockets") }
        return sha1
    }()

    /// Base64 of the SHA-1 of key and GUID. `key` is one, by ``isKey(_:)``.
    static func value(for key: UnsafeRawBufferPointer) -> String {
        var digest: InlineArray<20, UInt8> = .init(repeating: 0)
        withUnsafeTemporaryAllocation(byteCount: keyLength + guid.utf8CodeUnitCount, alignment: 1) { text in
            text.copyMemory(from: key)
            UnsafeMutableRawBufferPointer(rebasing: text[keyLength...])
                .copyMemory(from: UnsafeRawBufferPointer(start: guid.utf8Start, count: guid.utf8CodeUnitCount))
            var span = digest.mutableSpan
            span.withUnsafeMutableBufferPointer { digest in
                let code = EVP_Digest(text.baseAddress, text.count, digest.baseAddress, nil, sha1, nil)
                precondition(code == 1, "OpenSSL could not hash \(text.count) bytes")
            }
        }
        return String(unsafeUninitializedCapacity: Base64.encodedCount(digestLength)) { encoded in
            let span = digest.span
            span.withUnsafeBytes { digest in
                Base64.encode(UnsafeRawBufferPointer(rebasing: digest[..<digestLength]), to: UnsafeMutableRawPointer(encoded.baseAddress!))
            }
            return Base64.encodedCount(digestLength)
        }
    }

    /// 16 bytes in base64: 22 digits and two `=`.
    static func isKey(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count == keyLength && bytes.suffix(2).allSatisfy { $0 == 0x3D } && bytes.dropLast(2).allSatisfy(Base64.isDigit)
    }
}
