import Identity
import PluginHost

extension ClientIdentity {
    /// Who a verified token names.
    init(_ identity: TokenSubject) {
        self.init(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
    }
}
