/** Where clients of Immutable zkEVM send their key. Their `x-api-key` is a key of an RPC node, and is ignored. */
export const ZKEVM_KEY_HEADER = 'x-immutable-api-key';

/** The name of this key in the OpenAPI document. */
export const IMMUTABLE_API_KEY = 'immutableApiKey';
