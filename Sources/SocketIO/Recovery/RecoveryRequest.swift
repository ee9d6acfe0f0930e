import RawJSON

/// `{"pid":…,"offset":…}` of a CONNECT payload: the client had a session and wants it back.
struct RecoveryRequest: Sendable, Equatable {
    let privateID: SocketID

    /// The last event the client has seen; `nil`: none yet.
    let offset: RecoveryOffset?

    /// - Parameter auth: a valid JSON object. Keys written with escapes are read, too; of equal ones the last counts.
    init?(auth: UnsafeRawBufferPointer) {
        var privateID: SocketID?
        var offset: RecoveryOffset?
        var isOffsetMalformed = false
        var walker = JSONObjectWalker(auth)
        while case .member(let key, let value) = walker.next() {
            let name = UnsafeRawBufferPointer(rebasing: auth[key])
            if JSONText.isEqual(name, to: "pid") {
                privateID = JSONText.byteString(UnsafeRawBufferPointer(rebasing: auth[value]), limit: SocketID.length).flatMap { SocketID($0) }
            } else if JSONText.isEqual(name, to: "offset") {
                offset = JSONText.byteString(UnsafeRawBufferPointer(rebasing: auth[value]), limit: RecoveryOffset.longest).flatMap { RecoveryOffset($0) }
                isOffsetMalformed = offset == nil
            }
        }
        guard let privateID, !isOffsetMalformed else { return nil }
        self.privateID = privateID
        self.offset = offset
    }
}
