package com.apigee.flow.message;

/** Makes messages that {@link MessageContext#createMessage} takes. */
public interface TransportMessageFactory {
    TransportMessage createRequest(MessageContext messageContext);

    TransportMessage createResponse(MessageContext messageContext);
}
