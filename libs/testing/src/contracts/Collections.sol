// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A typical ERC-721 collection. A token that is not minted has neither an owner nor a token URI.
contract Cards {
    error ERC721NonexistentToken(uint256 tokenId);

    mapping(uint256 => address) private owners;
    mapping(uint256 => string) private uris;

    function mint(uint256 tokenId, string calldata uri) external {
        owners[tokenId] = msg.sender;
        uris[tokenId] = uri;
    }

    function ownerOf(uint256 tokenId) public view returns (address owner) {
        owner = owners[tokenId];
        if (owner == address(0)) revert ERC721NonexistentToken(tokenId);
    }

    function tokenURI(uint256 tokenId) external view returns (string memory) {
        ownerOf(tokenId);
        return uris[tokenId];
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x5b5e139f;
    }
}

/// An ERC-721 collection that emits an event at each change, as ERC-721, ERC-4906, ERC-7572 and ERC-173 prescribe.
contract AnnouncedCards {
    error ERC721NonexistentToken(uint256 tokenId);
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    event MetadataUpdate(uint256 tokenId);
    event ContractURIUpdated();
    event OwnershipTransferred(address indexed from, address indexed to);

    string public name = "Cards";
    string public symbol = "CARD";
    string public contractURI;
    address public owner = msg.sender;
    mapping(uint256 => address) private owners;
    mapping(uint256 => string) private uris;

    function setContractURI(string calldata uri) external {
        contractURI = uri;
        emit ContractURIUpdated();
    }

    function transferOwnership(address to) external {
        emit OwnershipTransferred(owner, to);
        owner = to;
    }

    function mint(uint256 tokenId, string calldata uri) external {
        owners[tokenId] = msg.sender;
        uris[tokenId] = uri;
        emit Transfer(address(0), msg.sender, tokenId);
    }

    function burn(uint256 tokenId) external {
        emit Transfer(ownerOf(tokenId), address(0), tokenId);
        delete owners[tokenId];
    }

    function setUri(uint256 tokenId, string calldata uri) external {
        uris[tokenId] = uri;
        emit MetadataUpdate(tokenId);
    }

    /// Emits this many events about so many tokens, which begin with 1.
    function storm(uint256 events, uint256 tokens) external {
        for (uint256 index = 0; index < events; index++) emit MetadataUpdate(index % tokens + 1);
    }

    /// Emits any log, with one to four topics.
    function emitLog(bytes32[] calldata topics, bytes calldata data) external {
        bytes memory copy = data;
        bytes32[4] memory all;
        for (uint256 index = 0; index < topics.length; index++) all[index] = topics[index];
        assembly {
            let start := add(copy, 32)
            let size := mload(copy)
            switch topics.length
            case 1 { log1(start, size, mload(all)) }
            case 2 { log2(start, size, mload(all), mload(add(all, 32))) }
            case 3 { log3(start, size, mload(all), mload(add(all, 32)), mload(add(all, 64))) }
            default { log4(start, size, mload(all), mload(add(all, 32)), mload(add(all, 64)), mload(add(all, 96))) }
        }
    }

    function ownerOf(uint256 tokenId) public view returns (address holder) {
        holder = owners[tokenId];
        if (holder == address(0)) revert ERC721NonexistentToken(tokenId);
    }

    function tokenURI(uint256 tokenId) external view returns (string memory) {
        ownerOf(tokenId);
        return uris[tokenId];
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x5b5e139f || id == 0x49064906;
    }
}

/// An ERC-721 collection that lists its tokens (ERC-721 Enumerable). Their order changes when one is burned.
contract ListedCards {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    uint256[] private ids;

    function mint(uint256 from, uint256 count) external {
        for (uint256 tokenId = from; tokenId < from + count; tokenId++) {
            ids.push(tokenId);
            emit Transfer(address(0), msg.sender, tokenId);
        }
    }

    function burnAt(uint256 index) external {
        emit Transfer(msg.sender, address(0), ids[index]);
        ids[index] = ids[ids.length - 1];
        ids.pop();
    }

    function totalSupply() external view returns (uint256) {
        return ids.length;
    }

    function tokenByIndex(uint256 index) external view returns (uint256) {
        return ids[index];
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x780e9d63;
    }
}

/// An ERC-1155 collection: one URI template for all tokens. The client substitutes the id.
contract Potions {
    string private template;

    function setUri(string calldata uri_) external {
        template = uri_;
    }

    function uri(uint256) external view returns (string memory) {
        return template;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0xd9b67a26 || id == 0x0e89341c;
    }
}

/// Returns the scripted bytes for each call. Reverts without data for calls that are not scripted.
contract ScriptedContract {
    enum End { Silent, Returns, Reverts, Invalid, Endless }
    struct Response { End end; bytes data; }

    mapping(bytes32 => Response) private responses;

    function script(bytes calldata call, End end, bytes calldata data) external {
        responses[keccak256(call)] = Response(end, data);
    }

    fallback() external {
        Response storage response = responses[keccak256(msg.data)];
        bytes memory data = response.data;
        if (response.end == End.Returns) assembly { return(add(data, 32), mload(data)) }
        if (response.end == End.Reverts) assembly { revert(add(data, 32), mload(data)) }
        if (response.end == End.Invalid) assembly { invalid() }
        while (response.end == End.Endless) {}
        revert();
    }
}
