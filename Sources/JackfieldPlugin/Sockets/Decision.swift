/// The decision on an attempt that a hook takes later.
struct Decision: Sendable {
    let host: PluginHost
    let token: jf_token

    func accept() { _ = host.socketTable.accept?(host.pointer, token) }

    func refuse(_ reason: Refusal) {
        withText(reason.message) { message in
            withText(reason.data?.bytes ?? []) { data in _ = host.socketTable.refuse?(host.pointer, token, message, data) }
        }
    }

    /// Refuses without saying why.
    func drop() { _ = host.tokens.drop?(host.pointer, token) }
}
