extension Host {
    /// Where the private copies of plugins are; made at the first load. `nil`: nowhere, and they are loaded from memory.
    var imageFolder: ImageFolder? {
        images.withLock { images in
            if let images { return images.folder }
            do throws(ImageFolder.Unavailable) {
                images = (folder: try ImageFolder(in: options.imageFolders ?? ImageFolder.candidates), isRemoved: false)
            } catch {
                images = (folder: nil, isRemoved: false)
                logger.warning("plugins are loaded from memory, where debuggers do not find them, since no folder can hold copies of them: \(error.problem)")
            }
            return images?.folder
        }
    }

    /// Removes the copies. What is mapped stays mapped.
    public func removeImages() {
        images.withLock { images in
            guard let found = images, !found.isRemoved else { return }
            found.folder?.remove()
            images = (folder: nil, isRemoved: true)
        }
    }
}
