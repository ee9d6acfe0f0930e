/// Arguments whose attachments go out as the reference sends them: `{"_placeholder":true,"num":n}` counting from 0 in the order of the
/// text, the attachments in that order; one named twice goes twice, one named nowhere not at all.
struct BoundArguments {
    /// `nil`: the arguments are that already.
    private(set) var rewritten: [UInt8]?

    /// Which attachment goes when.
    private(set) var order: [Int]

    init(_ args: UnsafeRawBufferPointer, attachmentCount: Int) {
        // What closes last but opens first can only be a placeholder within a placeholder, which nobody writes; the inner one is dropped.
        var placeholders = Placeholders(in: args).all.sorted { $0.range.lowerBound < $1.range.lowerBound }
        var end = 0
        placeholders.removeAll { placeholder in
            guard placeholder.range.lowerBound >= end else { return true }
            end = placeholder.range.upperBound
            return false
        }
        order = []
        var isCanonical = true
        var output: [UInt8] = []
        var copied = 0
        for placeholder in placeholders {
            output.append(contentsOf: args[copied..<placeholder.range.lowerBound])
            copied = placeholder.range.upperBound
            let start = output.count
            if let number = placeholder.number, number < attachmentCount {
                output.append(contentsOf: #"{"_placeholder":true,"num":\#(order.count)}"#.utf8)
                order.append(number)
            } else {
                // No attachment to send: a client would close the connection over it.
                output.append(contentsOf: "null".utf8)
            }
            isCanonical = isCanonical && output[start...].elementsEqual(args[placeholder.range])
        }
        guard !isCanonical else { return }
        output.append(contentsOf: args[copied...])
        rewritten = output
    }

    /// Calls `body` with the arguments and attachments as they go out.
    static func withBound<Result>(
        _ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        _ body: (UnsafeRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Result
    ) -> Result {
        guard !attachments.isEmpty else { return body(args, attachments) }
        let bound = BoundArguments(args, attachmentCount: attachments.count)
        return withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: bound.order.count) { ordered in
            for (place, index) in bound.order.enumerated() { ordered.initializeElement(at: place, to: attachments[index]) }
            let ordered = UnsafeBufferPointer(ordered)
            guard let rewritten = bound.rewritten else { return body(args, ordered) }
            return rewritten.withUnsafeBytes { body($0, ordered) }
        }
    }
}
