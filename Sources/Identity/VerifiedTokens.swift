import Synchronization

/// Tokens verified a moment ago, so that whoever sends many requests with one token has its signature checked once.
///
/// What is remembered can never change: that exactly this text was signed, and what it says. Its times, issuer and audience are judged anew each
/// time. Refusals are not remembered. Bounded: two generations of ``capacity`` tokens of at most ``longestToken`` bytes each; when the younger is
/// full the older is forgotten, unless it was asked for meanwhile.
public final class VerifiedTokens: Sendable {
    static let capacity = 256
    /// Longer tokens are verified each time.
    static let longestToken = 2048

    private struct Generations {
        var young: [Text: SignedClaims] = [:]
        var old: [Text: SignedClaims] = [:]
    }

    /// Compared byte by byte. `String` has texts equal that only look the same: the Kelvin sign is a K.
    private struct Text: Hashable {
        let text: String

        static func == (one: Text, other: Text) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    public let verifier: TokenVerifier
    private let known = Mutex(Generations())

    public init(_ verifier: TokenVerifier) {
        self.verifier = verifier
    }

    /// What ``TokenVerifier/verify(_:now:)`` says of `token`.
    ///
    /// - Parameter now: milliseconds since 1970.
    public func verify(_ token: String, now: Int64) throws(TokenRefusal) -> UserIdentity {
        guard token.utf8.count <= Self.longestToken else { return try verifier.verify(token, now: now) }
        let text = Text(text: token)
        if let signed = find(text) { return try verifier.identity(signed, now: now) }
        let signed = try verifier.signedClaims(of: token)
        let identity = try verifier.identity(signed, now: now)
        remember(signed, as: text)
        return identity
    }

    private func find(_ text: Text) -> SignedClaims? {
        known.withLock { known in
            if let signed = known.young[text] { return signed }
            guard let signed = known.old[text] else { return nil }
            Self.remember(signed, as: text, in: &known)
            return signed
        }
    }

    private func remember(_ signed: SignedClaims, as text: Text) {
        known.withLock { Self.remember(signed, as: text, in: &$0) }
    }

    private static func remember(_ signed: SignedClaims, as text: Text, in known: inout Generations) {
        if known.young.count >= capacity {
            known.old = known.young
            known.young = [:]
        }
        known.young[text] = signed
    }

    /// How many are remembered; those in both generations are counted twice.
    var count: Int { known.withLock { $0.young.count + $0.old.count } }

    func remembers(_ token: String) -> Bool { find(Text(text: token)) != nil }
}
