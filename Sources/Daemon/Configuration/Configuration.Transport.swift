extension Configuration {
    /// A transport of Engine.IO.
    public enum Transport: String, Sendable, CaseIterable {
        case polling, websocket
    }
}
