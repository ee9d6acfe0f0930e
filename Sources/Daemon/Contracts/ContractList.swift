import PluginHost
import PrometheusMetrics
import RawJSON
import Signatures
import Support

/// The events that clients of a host may send and receive, with their signatures: the answer of `GET /v1/contracts`.
public struct ContractList: Sendable, Equatable {
    /// The host's own events, then those of each plugin in the order of loading.
    var events: [DeclaredEvent]

    /// `{"events":[{"namespace","name","signature","from","plugin"}]}`. The namespace of an event that exists in every
    /// namespace is `null`, and so is a signature that was not declared, and the plugin of the host's own events.
    var json: JSONValue {
        func text(_ text: ByteString?) -> JSONValue { text.map { .string($0) } ?? .null }
        return .object([
            .init(
                "events",
                .array(
                    events.map { event in
                        .object([
                            .init("namespace", text(event.namespace)), .init("name", .string(event.name)),
                            .init("signature", text(event.signature.map { ByteString($0.description) })),
                            .init("from", event.isFromServer ? "server" : "client"),
                            .init("plugin", text(event.plugin)),
                        ])
                    }))
        ])
    }

    /// Why no types can be written: one line for each event that is emitted with two signatures.
    public var conflicts: [String] { EmitConflict.all(in: events).map(\.description) }

    /// The events for which types are written. Those of every namespace are repeated in each namespace that has events.
    public var clientTypes: ClientTypes {
        let namespaces = Set(events.compactMap(\.namespace)).union(["/"]).sorted()
        return ClientTypes(
            events: events.flatMap { event in
                (event.namespace.map { [$0] } ?? namespaces).map { namespace in
                    ClientTypes.Event(
                        namespace: namespace, name: event.name, signature: event.signature,
                        isFromServer: event.isFromServer)
                }
            })
    }
}

extension ContractList {
    /// Parses the answer of a host, which is untrusted.
    ///
    /// - Throws: ``ContractListError``, with the place and what was expected there.
    public init(parsing bytes: [UInt8]) throws(ContractListError) {
        let document: JSONValue
        do throws(JSONSyntaxError) {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw ContractListError("it is no JSON: \(error)")
        }
        guard let list = document["events"]?.array else { throw ContractListError("it has no list of events") }
        guard list.count <= Self.longest else {
            throw ContractListError("it has \(list.count) events, more than \(Self.longest)")
        }
        events = []
        events.reserveCapacity(list.count)
        for (index, value) in list.enumerated() { events.append(try Self.event(value, index)) }
        let namespaces = Set(events.compactMap(\.namespace)).count
        let repeated = events.count { $0.namespace == nil } * namespaces
        guard repeated <= Self.longest else {
            throw ContractListError("the events of every namespace, in \(namespaces), are more than \(Self.longest)")
        }
    }

    /// Most events of an answer, also when those of every namespace are repeated in each.
    private static let longest = 10_000

    private static func event(_ value: JSONValue, _ index: Int) throws(ContractListError) -> DeclaredEvent {
        guard let name = try text("name", of: value, index), !name.isEmpty else {
            throw ContractListError(index, "name", "expected the name of an event")
        }
        let isFromServer: Bool
        switch value["from"]?.string {
        case "server": isFromServer = true
        case "client": isFromServer = false
        default: throw ContractListError(index, "from", "expected \"client\" or \"server\"")
        }
        var signature: Signature?
        if let text = try text("signature", of: value, index) {
            do throws(SignatureError) {
                signature = try Signature(text)
            } catch {
                throw ContractListError(index, "signature", "\(error)")
            }
        }
        return DeclaredEvent(
            namespace: try text("namespace", of: value, index), name: name, signature: signature,
            isFromServer: isFromServer, plugin: try text("plugin", of: value, index))
    }

    /// A member that is a string; `nil` if it is absent or `null`.
    private static func text(_ key: ByteString, of event: JSONValue, _ index: Int) throws(ContractListError)
        -> ByteString?
    {
        switch event[key] {
        case .string(let text)?: return text
        case .null?, nil: return nil
        default: throw ContractListError(index, key, "expected a string or null")
        }
    }
}

/// Why bytes are not a ``ContractList``: `events[3].from: expected "client" or "server"`.
public struct ContractListError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }

    fileprivate init(_ index: Int, _ key: ByteString, _ problem: String) {
        self.init("events[\(index)].\(key): \(problem)")
    }
}

extension ContractList {
    /// Reads the descriptors of the plugins of a configuration, as a check of the configuration does; starts nothing.
    /// The plugins stay mapped.
    ///
    /// - Throws: ``UnreadablePlugins`` if a plugin is missing or wrong.
    public init(of configuration: Configuration) async throws {
        var configuration = configuration
        // No token is verified, and no event is served.
        configuration.auth = nil
        configuration.eventLoops = 1
        let metrics = PrometheusRegistry.ofDaemon()
        var (logger, deduplicator, threshold) = configuration.log.logger(label: "jackfield", metrics: metrics)
        logger.logLevel = max(logger.logLevel, .warning)
        defer { deduplicator.flush() }
        let service = try HostService(
            configuration, logger: logger, deduplicator: deduplicator, threshold: threshold, metrics: metrics)
        let (events, errors) = await service.inspectPlugins()
        guard errors.isEmpty else { throw UnreadablePlugins(errors: errors) }
        self.events = events
    }
}

/// Plugins whose descriptors cannot be read, or that exclude each other.
public struct UnreadablePlugins: Error, CustomStringConvertible {
    /// Never empty.
    let errors: [PluginError]

    /// One line for each plugin.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
