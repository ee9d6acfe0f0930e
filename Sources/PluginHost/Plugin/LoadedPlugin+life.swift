import CJackfield
import Glibc
import Support

/// The callbacks of a plugin's life cycle, each on its strand and within a deadline.
extension LoadedPlugin {
    /// Maps the image, calls `jf_plugin_main` and reads the descriptor. On the strand, because constructors and
    /// `jf_plugin_main` are the plugin's code.
    ///
    /// - Parameter inspect: gets the descriptor that the plugin filled, if it breaks no rule.
    func open(_ inspect: (UnsafePointer<jf_plugin>) -> Void = { _ in }) -> Result<PluginDescriptor, PluginError> {
        if let isolated { return isolated.load() }
        if case .library(let binding) = spec.kind { return open(binding) }
        let image: PluginImage
        do throws(PluginError) {
            image = try mapImage()
        } catch {
            return .failure(error)
        }
        return describe(image, inspect)
    }

    /// Maps a private copy of the file. On the strand.
    func mapImage() throws(PluginError) -> PluginImage {
        let image = try PluginImage.open(path, generation: generation, in: host.imageFolder?.path) {
            log.warning("\($0)")
        } mapping: { copy, buildID in
            // Before its constructors run, which may crash.
            identity.setCopy(copy, buildID: buildID)
            let id = buildID.isEmpty ? "without a build-id" : "build-id \(buildID)"
            log.info("maps \(path), \(id), from its private copy \(copy)")
        }
        mappedCopy.withLock { $0 = image.copy }
        identity.setCode(of: unsafeBitCast(image.main, to: UnsafeRawPointer.self))
        return image
    }

    /// Calls `jf_plugin_main` and reads the descriptor. On the strand.
    func describe(_ image: PluginImage, _ inspect: (UnsafePointer<jf_plugin>) -> Void = { _ in })
        -> Result<PluginDescriptor, PluginError>
    {
        let block = UnsafeMutableRawPointer.allocate(byteCount: Int(JF_PLUGIN_SIZE), alignment: 16)
        defer { block.deallocate() }
        block.initializeMemory(as: UInt8.self, repeating: 0, count: Int(JF_PLUGIN_SIZE))
        let raw = block.bindMemory(to: jf_plugin.self, capacity: 1)
        let code = image.main(Boot.make(for: self), raw)
        guard code == JF_OK else {
            if let lacking = lackingInterfaces { return .failure(failure(.incompatible, lacking)) }
            return .failure(failure(.failed, "jf_plugin_main returned \(ResultCode.describe(code))"))
        }
        do throws(DescriptorReader.Problem) {
            if !spec.name.isEmpty {
                try DescriptorReader.checkName(ByteString(spec.name), "the name of this entry in the configuration,")
            }
            let descriptor = try DescriptorReader.read(raw, socketPath: host.options.socketPath)
            inspect(raw)
            return .success(descriptor)
        } catch {
            return .failure(failure(error.kind, error.text))
        }
    }

    /// Removes the private copy, because the plugin has ended: it stays mapped, but none of its code runs any more.
    func removeCopy() {
        let copy = mappedCopy.withLock { $0 }
        // A file in memory has no name, and its descriptor stays open; see ``PrivateCopy/keep()``.
        if !copy.isEmpty, !copy.hasPrefix("/proc/") { unlink(copy) }
    }

    /// Calls `create`, which makes the instance. On the strand.
    func create() -> PluginError? {
        isServed = true
        if let isolated {
            let error = isolated.create()
            isServed = error == nil
            isCreated = error == nil
            return error
        }
        guard let create = descriptor.create else {
            isCreated = true
            return nil
        }
        var instance: UnsafeMutableRawPointer?
        var error = jf_error.sized
        let code = create(handle, &instance, &error)
        guard code == JF_OK else {
            isServed = false
            freeEverything()
            let reason = Self.words(error, code)
            return failure(
                lackingInterfaces == nil ? .failed : .incompatible,
                "create failed: \(reason)\(lackingInterfaces.map { "; it \($0)" } ?? "")")
        }
        self.instance = instance
        isCreated = true
        return nil
    }

    /// Calls `stop`, in which the plugin finishes its running work. On the strand.
    ///
    /// - Parameter aborts: make the promised callbacks that the host cannot make in any other way any more.
    func stop(aborting aborts: [@Sendable () -> Void]) {
        for abort in aborts { abort() }
        for call in timers.close() { release(call) }
        if let isolated { isolated.stop() } else { descriptor.stop?(instance) }
        isServed = false
    }

    /// Calls `destroy`, which frees the instance. The last task of the strand: no callback begins after it.
    ///
    /// - Parameter aborts: as in ``stop(aborting:)``; for a plugin whose `start` has failed.
    func destroy(aborting aborts: [@Sendable () -> Void] = []) {
        for abort in aborts { abort() }
        isServed = false
        freeEverything()
        if let isolated { isolated.destroy() } else { descriptor.destroy?(instance) }
    }

    /// Calls `start`. On the strand.
    func start() -> PluginError? {
        if let isolated { return isolated.start() }
        guard let start = descriptor.start else { return nil }
        var error = jf_error.sized
        let code = start(instance, &error)
        return code == JF_OK ? nil : failure(.failed, "start failed: \(Self.words(error, code))")
    }

    /// Calls `ready` and stores its answer. On the strand.
    func checkReady() {
        guard let ready = descriptor.ready else { return }
        var error = jf_error.sized
        let code = ready(instance, &error)
        notReady = code == JF_OK ? nil : Self.words(error, code)
    }

    func failure(_ kind: PluginError.Kind, _ problem: String) -> PluginError {
        let isLibrary = if case .library = spec.kind { true } else { false }
        return PluginError(kind, plugin: name, path: path, isLibrary: isLibrary, problem)
    }

    /// Names the interfaces that the plugin requested and the host does not have; `nil` if there are none.
    private var lackingInterfaces: String? {
        let missing = missingInterfaces
        guard !missing.isEmpty else { return nil }
        return missing.map { id in
            let family = id.prefix { $0 != "/" }
            let known = InterfaceTable.ids.first {
                $0.prefix { $0 != "/" } == family
                    && (host.options.knownTableBytes.map { knows in knows(id) != nil } ?? true)
            }
            return "needs interface \(id), this host has \(known ?? "no \(family)")"
        }.joined(separator: "; ")
    }

    static func words(_ error: jf_error, _ code: Int32) -> String {
        error.text.isEmpty ? ResultCode.describe(code) : error.text
    }
}
