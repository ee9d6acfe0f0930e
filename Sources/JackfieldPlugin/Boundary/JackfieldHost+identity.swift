extension JackfieldHost {
    /// Tells hosts apart without touching them: the header says that the handle is not to be looked into.
    struct Identity: Hashable, Sendable {
        private let address: UInt

        init(_ pointer: OpaquePointer) { address = UInt(bitPattern: pointer) }
    }

    var identity: Identity { Identity(pointer) }
}
