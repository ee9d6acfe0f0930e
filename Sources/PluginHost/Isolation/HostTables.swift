import CJackfield

/// The functions of the header, which the calls of workers are passed to: so a plugin in a worker has the limits, the
/// checks, the result codes and the log lines of one in the daemon.
enum HostTables {
    static let core = CoreInterface.table
    static let tokens = TokensInterface.table
    static let events = EventsInterface.table
    static let sockets = SocketsInterface.table
    static let rooms = RoomsInterface.table
    static let presence = PresenceInterface.table
    static let http = HTTPInterface.table
    static let services = ServicesInterface.table
}
