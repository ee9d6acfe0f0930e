import Support

/// Reads the arguments of an event one after the other, for a typed handler. The SDK creates it.
///
/// The host checks the arguments before the handler runs, but a host that is older than signatures does not.
public struct EventArgumentReader {
    let socket: Socket
    private let event: String
    private let labels: [String]
    private let document: JSONReader.Document
    private let arguments: [Range<Int>]
    private var index = 0

    /// Throws ``Problem`` 400 `invalid_arguments` if there are more arguments than the handler has.
    init(_ event: borrowing Event, _ socket: Socket, argumentCount: Int, labels: [String]) throws(Problem) {
        self.socket = socket
        self.event = event.name
        self.labels = labels
        document = JSONReader.Document(
            text: Array(UnsafeRawBufferPointer(event.raw.pointee.args)), attachments: event.attachments)
        guard let whole = JSONReader(document), whole.kind == .array else {
            throw .invalid("the arguments of '\(self.event)' are no list")
        }
        arguments = JSONElementReader.elements(of: document, from: whole.range.lowerBound)
        guard arguments.count <= argumentCount else {
            throw .invalid(
                "'\(self.event)' has \(argumentCount) argument\(argumentCount == 1 ? "" : "s"), not \(arguments.count)")
        }
    }

    /// The next argument. One that is absent is nil if the type is optional.
    mutating func next<T: Decodable>() throws(Problem) -> T {
        defer { index += 1 }
        let reader: JSONReader
        if index < arguments.count {
            reader = JSONReader(document, arguments[index])
        } else if T.self is any ExpressibleByNilLiteral.Type {
            // null stands for an argument that is absent.
            reader = JSONReader(JSONReader.Document(text: Array("null".utf8), attachments: []), 0..<4)
        } else {
            throw .invalid("'\(event)' needs \(labels.isEmpty ? "an argument at position \(index)" : place)")
        }
        do {
            return try reader.read(T.self)
        } catch let error as DecodingError {
            throw .invalid(JSON.words(for: error, named: "'\(event)' \(place)"))
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .invalid("'\(event)' \(place) is wrong: \("\(error)".cut(to: 200))")
        }
    }

    private var place: String { labels.isEmpty ? "argument \(index)" : "argument '\(labels[index])'" }
}
