extension Duration {
    /// Whole milliseconds, rounded towards zero: the unit of Socket.IO's options and of its handshake.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
