/// A transport of Engine.IO, by the name it bears in the `transport` parameter and in the open packet's `upgrades`.
public enum TransportName: String, Sendable, Hashable, CaseIterable {
    case polling
    case websocket
}
