extension Configuration {
    /// Bytes that sign or verify tokens. Nothing that prints or reflects it shows them.
    public struct Secret: Sendable, Equatable {
        public let bytes: [UInt8]

        public init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        /// The secret in a file.
        /// - Throws: an error whose description says in a clause why there is none.
        public init(file path: String) throws {
            self.init(lineOf: try KeyFile.read(path))
            guard !bytes.isEmpty else { throw KeyFile.Failure(description: "the file '\(path)' is empty") }
        }

        /// The contents of a secret's file, without the line break that editors put at the end.
        init(lineOf contents: [UInt8]) {
            var bytes = contents
            while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
            self.bytes = bytes
        }
    }
}

extension Configuration.Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The length alone.
    public var description: String { "secret of \(bytes.count) bytes" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
