/// The decision on an attempt that a hook takes later.
struct Decision: Sendable {
    let host: JackfieldHost
    let token: jf_token

    func accept(_ admission: Admission?) throws(HostError) { _ = try host.accept(token, admission) }

    func refuse(_ reason: Refusal) {
        withText(reason.message) { message in
            withText(reason.data?.bytes ?? []) { data in _ = host.socketTable.refuse?(host.pointer, token, message, data) }
        }
    }

    /// Refuses without saying why.
    func drop() { _ = host.tokens.drop?(host.pointer, token) }
}
