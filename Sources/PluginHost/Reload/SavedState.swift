import CJackfield
import Support

/// What a plugin passes to the version that replaces it: a `jf_saved`, checked and copied.
struct SavedState: Sendable {
    /// Of the format of ``bytes``; the plugin's own number.
    var version: UInt32 = 0
    var bytes: [UInt8] = []
    /// The kept tokens that the new version completes.
    var tokens: [ReplyToken] = []
    /// The streams that the new version goes on writing.
    var streams: [UInt64] = []

    var isEmpty: Bool { version == 0 && bytes.isEmpty && tokens.isEmpty && streams.isEmpty }

    /// Why what `save` has set is not accepted.
    struct Problem: Error {
        let text: String
    }

    /// Most tokens, and most streams; the header promises this number.
    private static let longestList: UInt32 = 65_536

    init() {}

    /// - Parameter limit: most bytes of the state.
    init(_ raw: jf_saved, limit: Int) throws(Problem) {
        version = raw.version
        guard raw.state.len == 0 || raw.state.ptr != nil else {
            throw Problem(text: "saved->state is NULL with a length of \(raw.state.len)")
        }
        guard raw.state.len <= limit else {
            throw Problem(text: "saved->state has \(raw.state.len) bytes, more than \(limit)")
        }
        bytes = Array(raw.state.bytes)
        tokens = try Self.list(raw.tokens, raw.token_count, "token").map { ReplyToken($0) }
        streams = try Self.list(raw.streams, raw.stream_count, "stream")
    }

    private static func list(_ items: UnsafePointer<UInt64>?, _ count: UInt32, _ name: StaticString) throws(Problem)
        -> [UInt64]
    {
        guard count <= longestList else {
            throw Problem(text: "saved->\(name)_count is \(count), more than \(longestList)")
        }
        guard count > 0 else { return [] }
        guard let items else { throw Problem(text: "saved->\(name)s is NULL, and \(name)_count \(count)") }
        return Array(UnsafeBufferPointer(start: items, count: Int(count)))
    }
}

/// The callbacks of a reload, each on the plugin's strand and within a deadline.
extension LoadedPlugin {
    /// Calls `save`. On the strand.
    func save() -> Result<SavedState, PluginError> {
        guard let save = descriptor.save else { return .success(SavedState()) }
        if let isolated { return isolated.save(limit: host.options.savedStateBytes) }
        var raw = jf_saved.sized
        var error = jf_error.sized
        let code = save(instance, &raw, &error)
        guard code == JF_OK else { return .failure(failure(.failed, "save failed: \(Self.words(error, code))")) }
        do throws(SavedState.Problem) {
            return .success(try SavedState(raw, limit: host.options.savedStateBytes))
        } catch {
            return .failure(failure(.failed, "save: \(error.text)"))
        }
    }

    /// Calls `restore`. On the strand.
    func restore(_ saved: SavedState, from version: String) -> PluginError? {
        guard let restore = descriptor.restore else { return nil }
        if let isolated { return isolated.restore(saved, from: version) }
        var error = jf_error.sized
        let pack = TextPack([.text(version)])
        let tokens = saved.tokens.map(\.raw)
        let code = saved.bytes.withUnsafeBytes { bytes in
            tokens.withUnsafeBufferPointer { tokens in
                saved.streams.withUnsafeBufferPointer { streams in
                    var raw = jf_saved.sized
                    raw.version = saved.version
                    raw.state = jf_bytes(bytes)
                    raw.tokens = tokens.isEmpty ? nil : tokens.baseAddress
                    raw.token_count = UInt32(tokens.count)
                    raw.streams = streams.isEmpty ? nil : streams.baseAddress
                    raw.stream_count = UInt32(streams.count)
                    raw.plugin_version = pack[0]
                    return withExtendedLifetime(pack) { restore(instance, &raw, &error) }
                }
            }
        }
        return code == JF_OK ? nil : failure(.failed, "restore failed: \(Self.words(error, code))")
    }

    /// Calls `resumed`. On the strand.
    func resumed() {
        if let isolated { isolated.resumed() } else { descriptor.resumed?(instance) }
    }
}
