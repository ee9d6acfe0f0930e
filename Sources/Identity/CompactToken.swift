import RawJSON
import Support

/// The three parts of a compact JWS, still encoded: `header.payload.signature`. Borrows the token's bytes.
struct CompactToken {
    let header: UnsafeRawBufferPointer
    let payload: UnsafeRawBufferPointer
    let signature: UnsafeRawBufferPointer

    /// The signed bytes: header, dot and payload as they were sent.
    let signed: UnsafeRawBufferPointer

    init(_ token: UnsafeRawBufferPointer) throws(TokenRefusal) {
        let dot = UInt8(ascii: ".")
        guard let first = token.firstIndex(of: dot), let second = token[(first + 1)...].firstIndex(of: dot) else {
            throw TokenRefusal(.malformed, "the token is no JWT: it has not three parts separated by dots")
        }
        guard !token[(second + 1)...].contains(dot) else {
            throw TokenRefusal(
                .malformed, "the token has more than three parts: encrypted tokens (JWE) are not supported")
        }
        header = UnsafeRawBufferPointer(rebasing: token[..<first])
        payload = UnsafeRawBufferPointer(rebasing: token[(first + 1)..<second])
        signature = UnsafeRawBufferPointer(rebasing: token[(second + 1)...])
        signed = UnsafeRawBufferPointer(rebasing: token[..<second])
    }
}

/// The header of a token. Its values are not trusted; they only select among what the configuration accepts.
struct TokenHeader {
    /// The algorithm's name as in the header, truncated for messages.
    let algorithmName: String

    /// The algorithm, if it is supported.
    let algorithm: TokenAlgorithm?

    /// The `kid`: selects a key of a key set.
    let keyID: ByteString?

    /// Bytes of an algorithm's name in a message: twice the longest registered name.
    private static let shownAlgorithm = 32

    /// The longest `kid` that is accepted, in bytes. The longest in use are digests and URLs.
    static let longestKeyID = 256

    /// - Parameter encoded: the token's first part.
    init(_ encoded: UnsafeRawBufferPointer) throws(TokenRefusal) {
        guard let bytes = Base64.decodeURL(encoded) else {
            throw TokenRefusal(.malformed, "the token's header is not base64url")
        }
        var algorithmName: ByteString?
        var keyID: ByteString?
        var isCritical = false
        let isObject = bytes.withUnsafeBytes { bytes in
            JSONObjectWalker.forEachMember(of: bytes) { key, value in
                if JSONText.isEqual(key, to: "alg") {
                    algorithmName = JSONText.byteString(value)
                } else if JSONText.isEqual(key, to: "kid") {
                    keyID = JSONText.byteString(value)
                } else if JSONText.isEqual(key, to: "crit") {
                    isCritical = true
                }
            }
        }
        guard isObject else { throw TokenRefusal(.malformed, "the token's header is not a JSON object") }
        guard let algorithmName else { throw TokenRefusal(.malformed, "the token's header names no algorithm ('alg')") }
        // RFC 7515, 4.1.11: a recipient must refuse extensions that it does not support; none is supported here.
        guard !isCritical else {
            throw TokenRefusal(.malformed, "the token's header asks for extensions ('crit') that are not supported")
        }
        if let keyID, keyID.count > Self.longestKeyID {
            throw TokenRefusal(
                .malformed,
                "the name of the token's key ('kid') has \(keyID.count) bytes, more than the \(Self.longestKeyID) allowed"
            )
        }
        self.algorithmName = Self.shown(algorithmName)
        self.algorithm = TokenAlgorithm(named: algorithmName)
        self.keyID = keyID
    }

    private static func shown(_ name: ByteString) -> String {
        guard name.count > shownAlgorithm else { return name.text }
        return name.withBytes { String(decoding: $0.prefix(shownAlgorithm), as: UTF8.self) } + "…"
    }
}

extension JSONObjectWalker {
    /// Calls `body` with the raw key and value of each member, if `document` is one object.
    ///
    /// - Returns: whether `document` is one object. If not, `body` may have been called for some members.
    static func forEachMember(
        of document: UnsafeRawBufferPointer,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        var walker = JSONObjectWalker(document)
        while true {
            switch walker.next() {
            case .member(let key, let value):
                body(UnsafeRawBufferPointer(rebasing: document[key]), UnsafeRawBufferPointer(rebasing: document[value]))
            case .end(let end): return JSONScanner.skipWhitespace(in: document, from: end) == document.count
            case .malformed: return false
            }
        }
    }
}
